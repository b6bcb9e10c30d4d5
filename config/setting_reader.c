// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "setting_reader.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "units.h"

#define NAME_SHOWN 128

// "dataplane.ports[0].mtu"; what does not fit is cut.
static void full_name(const config_setting_t *setting, char *out, size_t size)
{
	char parent[NAME_SHOWN] = "";

	out[0] = '\0';
	if (config_setting_is_root(setting))
		return;
	full_name(config_setting_parent(setting), parent, sizeof(parent));
	if (config_setting_name(setting))
		snprintf(out, size, "%s%s%.60s", parent, parent[0] ? "." : "",
			config_setting_name(setting));
	else
		snprintf(out, size, "%.100s[%d]", parent, config_setting_index(setting));
}

static int report(struct config_file *file, const config_setting_t *at, const char *name,
	const char *format, va_list arguments)
{
	char source[WEIR_PATH_MAX], text[384];
	// libconfig 1.5 notes the line of the token behind an unnamed string, often the next line.
	bool unnamed = config_setting_type(at) == CONFIG_TYPE_STRING && !config_setting_name(at);
	const config_setting_t *placed = unnamed ? config_setting_parent(at) : at;
	const char *from = config_setting_source_file(placed);
	size_t length = strlen(file->folder);

	vsnprintf(text, sizeof(text), format, arguments);
	// libconfig 1.5 names included files without the folder, later ones with it.
	if (from && (!length || strncmp(from, file->folder, length) != 0) &&
		config_file_join(file, from, source, sizeof(source)) == 0)
		from = source;
	// Not config_setting_source_line: it has only 16 bits.
	return config_file_error(file, from, placed->line ? placed->line : 1, "%s %s", name, text);
}

int setting_error(struct config_file *file, const config_setting_t *at, const char *format, ...)
{
	char name[NAME_SHOWN];
	va_list arguments;

	full_name(at, name, sizeof(name));
	va_start(arguments, format);
	int status = report(file, at, name[0] ? name : "the file", format, arguments);
	va_end(arguments);
	return status;
}

int setting_error_in(struct config_file *file, const config_setting_t *group, const char *member,
	const char *format, ...)
{
	const config_setting_t *setting = config_setting_get_member(group, member);
	char parent[NAME_SHOWN], name[NAME_SHOWN + 64];
	va_list arguments;

	full_name(group, parent, sizeof(parent));
	snprintf(name, sizeof(name), "%s%s%s", parent, parent[0] ? "." : "", member);
	va_start(arguments, format);
	int status = report(file, setting ? setting : group, name, format, arguments);
	va_end(arguments);
	return status;
}

const config_setting_t *setting_element(const config_setting_t *list, size_t i)
{
	return config_setting_get_elem(list, (unsigned)i);
}

static int wrong_type(struct config_file *file, const config_setting_t *setting,
	const struct setting_rule *rule, const char *kind)
{
	if (!config_setting_name(setting))
		return setting_error(
			file, setting, "must be %s; write for example %s", kind, rule->example);
	return setting_error(file, setting, "must be %s; write for example %s = %s;", kind,
		rule->name, rule->example);
}

static void store(const struct setting_rule *rule, void *target, uint64_t value)
{
	char *field = (char *)target + rule->offset;

	// Little-endian machines only, as everything here: the low bytes come first.
	memcpy(field, &value, rule->size);
}

static int read_count(struct config_file *file, const config_setting_t *setting,
	const struct setting_rule *rule, void *target)
{
	int64_t value;

	if (config_setting_type(setting) == CONFIG_TYPE_INT)
		value = setting->value.ival;
	else if (config_setting_type(setting) == CONFIG_TYPE_INT64)
		value = setting->value.llval;
	else
		return wrong_type(file, setting, rule, "a whole number");
	if (value < 0 || (uint64_t)value < rule->least || (uint64_t)value > rule->most)
		return setting_error(file, setting,
			"is %" PRId64 "; write a whole number from %" PRIu64 " to %" PRIu64, value,
			rule->least, rule->most);
	store(rule, target, (uint64_t)value);
	return 0;
}

static int read_real(struct config_file *file, const config_setting_t *setting,
	const struct setting_rule *rule, void *target)
{
	double value;

	switch (config_setting_type(setting)) {
	case CONFIG_TYPE_FLOAT: value = setting->value.fval; break;
	case CONFIG_TYPE_INT: value = setting->value.ival; break;
	case CONFIG_TYPE_INT64: value = (double)setting->value.llval; break;
	default: return wrong_type(file, setting, rule, "a number");
	}
	if (!isfinite(value) || value <= 0)
		return setting_error(file, setting, "is %g; write a finite number above 0", value);
	memcpy((char *)target + rule->offset, &value, sizeof(value));
	return 0;
}

static int read_text(struct config_file *file, const config_setting_t *setting,
	const struct setting_rule *rule, void *target)
{
	char *field = (char *)target + rule->offset;
	const char *text = config_setting_get_string(setting), *wrong;

	if (!text)
		return wrong_type(file, setting, rule, "a text in quotes");
	wrong = rule->check ? rule->check(text) : NULL;
	if (wrong)
		return setting_error(file, setting, "= \"%.80s\" %s", text, wrong);
	if (strlen(text) >= rule->size)
		return setting_error(file, setting, "is %zu bytes long; write at most %zu",
			strlen(text), rule->size - 1);
	strcpy(field, text);
	return 0;
}

static int read_path(struct config_file *file, const config_setting_t *setting,
	const struct setting_rule *rule, void *target)
{
	char joined[WEIR_PATH_MAX];
	const char *text = config_setting_get_string(setting);

	if (!text)
		return wrong_type(file, setting, rule, "a path in quotes");
	if (!text[0])
		return setting_error(
			file, setting, "is empty; write a path such as %s", rule->example);
	if (config_file_join(file, text, joined, sizeof(joined)) != 0 ||
		strlen(joined) >= rule->size)
		return setting_error(file, setting,
			"is too long a path (at most %zu bytes with the config file's folder); "
			"write a shorter one",
			rule->size - 1);
	strcpy((char *)target + rule->offset, joined);
	return 0;
}

static int read_quantity(struct config_file *file, const config_setting_t *setting,
	const struct setting_rule *rule, void *target)
{
	static const struct {
		int (*parse)(const char *text, uint64_t *out);
		const char *kind, *units, *base;
	} quantities[] = {
		[SETTING_BYTES] = {weir_parse_bytes, "a size in quotes",
			"B, kB, MB, GB, KiB, MiB or GiB", "bytes"},
		[SETTING_DURATION] = {weir_parse_duration, "a duration in quotes",
			"ms, s, min or h", "ms"},
		[SETTING_RATE] = {weir_parse_rate, "a rate in quotes",
			"bit/s, kbit/s, Mbit/s or Gbit/s", "bytes a second"},
	};
	const char *text = config_setting_get_string(setting);
	uint64_t value;

	if (!text)
		return wrong_type(file, setting, rule, quantities[rule->type].kind);
	int status = quantities[rule->type].parse(text, &value);
	if (status == -EINVAL)
		return setting_error(file, setting,
			"= \"%.80s\" is not understood; write a number and one of %s, such as %s",
			text, quantities[rule->type].units, rule->example);
	if (status != 0 || value < rule->least || value > rule->most)
		return setting_error(file, setting,
			"= \"%.80s\" is out of range; write %" PRIu64 " to %" PRIu64
			" %s, such as %s",
			text, rule->least, rule->most, quantities[rule->type].base, rule->example);
	store(rule, target, value);
	return 0;
}

static int read_choice(struct config_file *file, const config_setting_t *setting,
	const struct setting_rule *rule, void *target)
{
	const char *text = config_setting_get_string(setting);
	const struct setting_choice *choice = rule->choices;
	char words[128] = "";

	for (; choice->word; choice++) {
		if (text && strcmp(text, choice->word) == 0) {
			memcpy((char *)target + rule->offset, &choice->value, sizeof(int));
			return 0;
		}
		size_t n = strlen(words);
		snprintf(words + n, sizeof(words) - n, "%s\"%s\"", n ? ", " : "", choice->word);
	}
	if (!text)
		return setting_error(
			file, setting, "must be a word in quotes; write one of %s", words);
	return setting_error(
		file, setting, "= \"%.80s\" is not known; write one of %s", text, words);
}

static int read_list(struct config_file *file, const config_setting_t *setting,
	const struct setting_rule *rule, void *target)
{
	if (!config_setting_is_list(setting) && !config_setting_is_array(setting))
		return wrong_type(file, setting, rule, "a list");
	uint64_t length = (uint64_t)config_setting_length(setting);
	if (length < rule->least || length > rule->most)
		return setting_error(file, setting,
			"has length %" PRIu64 "; write %" PRIu64 " to %" PRIu64
			" elements, for example %s = %s;",
			length, rule->least, rule->most, rule->name, rule->example);
	return rule->read(file, setting, target);
}

int setting_read_element(struct config_file *file, const config_setting_t *setting,
	const struct setting_rule *rule, void *target)
{
	switch (rule->type) {
	case SETTING_BOOL:
		if (config_setting_type(setting) != CONFIG_TYPE_BOOL)
			return wrong_type(file, setting, rule, "true or false, without quotes");
		*((char *)target + rule->offset) = config_setting_get_bool(setting) != 0;
		return 0;
	case SETTING_COUNT: return read_count(file, setting, rule, target);
	case SETTING_REAL: return read_real(file, setting, rule, target);
	case SETTING_TEXT: return read_text(file, setting, rule, target);
	case SETTING_PATH: return read_path(file, setting, rule, target);
	case SETTING_BYTES:
	case SETTING_DURATION:
	case SETTING_RATE: return read_quantity(file, setting, rule, target);
	case SETTING_CHOICE: return read_choice(file, setting, rule, target);
	case SETTING_GROUP:
		if (!config_setting_is_group(setting))
			return wrong_type(file, setting, rule, "a group");
		return rule->read(file, setting, target);
	case SETTING_LIST: return read_list(file, setting, rule, target);
	}
	return -EINVAL;
}

static int unknown_setting(struct config_file *file, const config_setting_t *setting,
	const struct setting_rule *rules, size_t rule_count)
{
	char known[300] = "";

	for (size_t i = 0; i < rule_count; i++) {
		size_t n = strlen(known);
		snprintf(known + n, sizeof(known) - n, "%s%s", n ? ", " : "", rules[i].name);
	}
	return setting_error(
		file, setting, "is not a setting; remove it or write one of: %s", known);
}

static int check_known(struct config_file *file, const config_setting_t *group,
	const struct setting_rule *rules, size_t rule_count)
{
	for (size_t i = 0; i < (size_t)config_setting_length(group); i++) {
		const config_setting_t *setting = setting_element(group, i);
		size_t r = 0;
		while (r < rule_count && strcmp(config_setting_name(setting), rules[r].name) != 0)
			r++;
		if (r == rule_count)
			return unknown_setting(file, setting, rules, rule_count);
	}
	return 0;
}

int setting_read_group(struct config_file *file, const config_setting_t *group,
	const struct setting_rule *rules, size_t rule_count, void *target)
{
	if (!config_setting_is_group(group))
		return setting_error(file, group, "must be a group; write { %s = %s; ... }",
			rules[0].name, rules[0].example);
	int status = check_known(file, group, rules, rule_count);
	for (size_t i = 0; status == 0 && i < rule_count; i++) {
		const config_setting_t *setting = config_setting_get_member(group, rules[i].name);
		if (setting)
			status = setting_read_element(file, setting, &rules[i], target);
		else if (rules[i].required)
			status = setting_error(file, group, "has no setting %s; add %s = %s;",
				rules[i].name, rules[i].name, rules[i].example);
	}
	return status;
}

struct keyed {
	const char *key;
	size_t index;
};

static int compare_keyed(const void *a, const void *b)
{
	const struct keyed *x = a, *y = b;
	int order = strcmp(x->key, y->key);
	return order ? order : (x->index > y->index) - (x->index < y->index);
}

int setting_check_distinct(struct config_file *file, const config_setting_t *list,
	const char *member, const void *array, size_t stride, size_t offset)
{
	size_t n = (size_t)config_setting_length(list);
	struct keyed *keys = calloc(n ? n : 1, sizeof(*keys));
	int status = 0;

	if (!keys) {
		config_file_error(file, NULL, 0, "out of memory; free some or write less");
		return -ENOMEM;
	}
	for (size_t i = 0; i < n; i++)
		keys[i] = (struct keyed){(const char *)array + i * stride + offset, i};
	qsort(keys, n, sizeof(*keys), compare_keyed);
	for (size_t i = 1; status == 0 && i < n; i++) {
		if (strcmp(keys[i - 1].key, keys[i].key) != 0)
			continue;
		const config_setting_t *at = setting_element(list, keys[i].index);
		if (member)
			at = config_setting_get_member(at, member);
		status = setting_error(file, at,
			"= \"%.64s\" is the same as in element %zu; remove one of the two",
			keys[i].key, keys[i - 1].index);
	}
	free(keys);
	return status;
}
