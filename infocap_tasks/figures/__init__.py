"""Figures for papers: table in, matplotlib figure out."""
