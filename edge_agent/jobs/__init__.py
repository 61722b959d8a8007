"""Long work that people ask for: each job in a process of its own, with progress and cancel.

``kinds`` names what there is, ``process`` runs one job; who keeps jobs and starts their processes
is the web server (``edge_agent/web/jobs``).
"""
