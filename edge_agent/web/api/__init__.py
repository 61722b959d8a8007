"""The REST interface: the first generation's paths at the root, the rest under ``/api/v1``."""
