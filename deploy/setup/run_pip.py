"""Run pip from its wheel: ``run_pip.py WHEEL ARGUMENTS...``.

Debian's pip knows one file of certificate authorities and will not even start where the system
has none; here it takes ``SSL_CERT_FILE`` when that is set, as other programs do.
"""

import os
import runpy
import sys

sys.path[0] = sys.argv[1]
sys.argv[:2] = ["pip"]
if os.environ.get("SSL_CERT_FILE"):
    from pip._vendor import certifi

    certifi.where = lambda: os.environ["SSL_CERT_FILE"]
runpy.run_module("pip", run_name="__main__", alter_sys=True)
