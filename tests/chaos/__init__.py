"""Faults on purpose: kills, broken links, full disks, wrong clocks; then nothing may be missing.

``./twin chaos --rounds 300`` runs the kills for as long as one likes; ``./twin test`` a short form.
"""
