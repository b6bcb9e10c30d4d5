// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// Inside config/: the two sections of an appliance's file.
#pragma once

#include "setting_reader.h"

extern const struct weir_dataplane_config dataplane_defaults;
extern const struct weir_control_config control_defaults;

// The group `dataplane` or `control` into the struct weir_appliance_config that target is.
int read_dataplane(struct config_file *file, const config_setting_t *group, void *target);
int read_control(struct config_file *file, const config_setting_t *group, void *target);

// Fills url and endpoint where they were not written, from what was. Both sections are read.
void derive_addresses(struct weir_appliance_config *config);

// Lists into the struct weir_dataplane_config that target is; the generator's file has them too.
int read_ports(struct config_file *file, const config_setting_t *list, void *target);
int read_workers(struct config_file *file, const config_setting_t *list, void *target);
int read_eal_arguments(struct config_file *file, const config_setting_t *list, void *target);
