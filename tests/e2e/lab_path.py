# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, The Weir authors
"""Imported first by every end-to-end test: where the laboratory's modules are."""

import os
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
for folder in ("tests/lib", "tools/lab", "tools/benchmark", "tests/python_client"):
    sys.path.insert(0, os.path.join(ROOT, folder))
