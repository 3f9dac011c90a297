"""Our backends: the names that users give to ``--model``, and where each is."""

BACKENDS = {
    "infocap-hf": "infocap_tasks.backend.infocap_hf:InfocapHF",
    "infocap-api": "infocap_tasks.backend.infocap_api:InfocapAPI",
    "infocap-vllm": "infocap_tasks.backend.infocap_vllm:InfocapVLLM",
    "infocap-gguf": "infocap_tasks.backend.infocap_gguf:InfocapGGUF",
}
