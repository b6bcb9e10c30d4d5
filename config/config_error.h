// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// How reading a config file fails: one line that names the file, the line and what to do.
#pragma once

struct weir_config_error {
	char message[512]; // "FILE:LINE: what is wrong; what to write instead", no newline
};
