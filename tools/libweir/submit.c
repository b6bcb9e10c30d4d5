// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// One submission from the vector to the stored receipt. Whatever interrupts it, the split on disk is
// what the next call continues from; it is removed only when it can never be used again.

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "encode.h"
#include "join.h"
#include "one_shot.h"
#include "random.h"
#include "receipt.h"

#define ATTEMPTS     8    // joins, if earlier ones are aborted: each takes an index of the event's
#define PATIENCE_MS  3000 // of the sender, before the leader is asked whether the event still lives
#define RECEIPT_S    3    // a long-poll for the receipts, before the aggregators are asked again
#define REJOIN_LEAST 500  // ms before another join; doubled each time
#define REJOIN_MOST  10000

struct work {
	struct weir_client *client;
	const struct weir_client_submission *submission;
	struct weir_digest event;
	struct weir_event_view view;
	struct weir_state_dir dir;
	void *elements;
	size_t clipped;
	struct weir_ledger_tags tags;
	struct weir_split split;
	struct weir_join join;
	uint32_t index;
	struct moved {
		uint64_t since_ms; // when something moved last
		uint64_t arrived, sealed, aborted;
		char state[16];
		char told[WEIR_CLIENT_TEXT_SIZE]; // what is waited for, as said last
	} moved;
};

static int fail_state(struct work *work, int error, const char *what)
{
	return weir_client_fail(work->client, error, "%s: %s: %s%s", work->dir.path, what,
		strerror(-error), weir_room_advice(error));
}

static bool is_same(const struct weir_digest *a, const struct weir_digest *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

static bool is_open(const struct work *work)
{
	return strcmp(work->view.state, "open") == 0;
}

static int event_ended(struct work *work)
{
	const struct weir_event_view *view = &work->view;
	return weir_client_fail(work->client, -ESHUTDOWN,
		"the event takes no more clients: its state is '%s'%s%s", view->state,
		view->reason[0] == '\0' ? "" : ": ", view->reason);
}

static int refresh(struct work *work)
{
	weir_event_view_clear(&work->view);
	return weir_leader_event(work->client, &work->event, &work->view);
}

// The receipt of an earlier run, if there is one: 0 with it, -ENOENT, or an error.
static int find_receipt(struct work *work, struct weir_client_receipt *receipt)
{
	struct weir_stored_receipt stored;
	int error = weir_receipt_load(work->client, &work->dir, &work->event, &stored);
	if (error != 0)
		return error;
	if (!is_same(&stored.input, &work->tags.input))
		return weir_client_fail(work->client, -EEXIST,
			"another vector of this client is in the event's sum already");
	if (strcmp(work->view.state, "failed") == 0)
		return weir_client_fail(work->client, -ESHUTDOWN,
			"client %u had every aggregator's receipt, but the event has failed: %s",
			stored.client,
			work->view.reason[0] == '\0' ? "no reason given" : work->view.reason);
	receipt->client = stored.client;
	receipt->batch = stored.batch;
	receipt->clipped = stored.clipped;
	receipt->already = true;
	// Left by a process that died between the receipt and this.
	struct weir_split split;
	if (weir_split_open(&work->dir, &work->event, &split) == 0)
		weir_split_destroy(&work->dir, &split);
	return 0;
}

static int check_ledger(struct work *work)
{
	char hex[WEIR_CLIENT_ID_SIZE];
	struct weir_digest other;
	if (work->submission->again)
		return 0;
	int error = weir_ledger_check(&work->dir, &work->tags, &work->event, &other);
	if (error == -EEXIST) {
		weir_hex_encode(other.bytes, WEIR_DIGEST_SIZE, hex);
		return weir_client_fail(work->client, error,
			"the same vector was submitted to event %.16s... before: the difference of "
			"the two sums can reveal it; submit it again only if you accept that "
			"(weir submit --again)",
			hex);
	}
	return error == 0 ? 0 : fail_state(work, error, "cannot read the ledger");
}

// Opens the split of an earlier run, or makes one.
static int prepare_split(struct work *work)
{
	struct weir_client *client = work->client;
	int error = weir_split_open(&work->dir, &work->event, &work->split);
	if (error == -ENOENT) {
		if (!is_open(work))
			return event_ended(work);
		error = check_ledger(work);
		uint32_t weight = work->submission->weight == 0 ? 1 : work->submission->weight;
		if (error == 0)
			error = weir_join_make(client, &work->dir, &work->view.announcement, weight,
				work->elements, &work->tags, work->clipped, &work->split);
		if (error != 0)
			return error;
	} else if (error != 0) {
		return weir_client_fail(client, error,
			"%s/%s: %s; the unfinished submission cannot be continued: move the file "
			"away to start a new one",
			work->dir.path, work->split.name,
			error == -EBADMSG ? "torn or damaged" : strerror(-error));
	} else if (!is_same(&work->split.header->tags.elements, &work->tags.elements)) {
		weir_split_close(&work->dir, &work->split);
		return weir_client_fail(client, -EEXIST,
			"a submission of another vector to this event is unfinished; finish it "
			"with "
			"that vector");
	}
	if (weir_join_fits(client, &work->view.announcement, &work->split, &work->join))
		return 0;
	char name[sizeof(work->split.name)];
	snprintf(name, sizeof(name), "%s", work->split.name);
	weir_split_close(&work->dir, &work->split);
	return weir_client_fail(client, -EBADMSG,
		"%s/%s: the split does not belong to this announcement and key; if the key was "
		"changed, move the file away",
		work->dir.path, name);
}

// Gets the join into the log, and notes in the ledger that the vector leaves.
static int join_event(struct work *work)
{
	struct weir_client *client = work->client;
	const struct weir_split_header *header = work->split.header;
	weir_client_report(client, WEIR_CLIENT_JOINING, 0, 0);
	bool is_known = weir_split_get_client(&work->split, &work->index);
	bool one_shot = work->submission->one_shot;
	if (!is_known || one_shot) {
		int error = weir_leader_join(client, &work->event, header->join,
			header->join_signature, one_shot, &work->index);
		if (error != 0)
			return error;
		error = is_known ? 0 : weir_split_set_client(&work->split, work->index);
		if (error != 0)
			return fail_state(work, error, "cannot write the split");
	}
	int error = weir_state_dir_lock_ledger(&work->dir);
	if (error == 0) {
		error = check_ledger(work);
		if (error == 0 &&
			(error = weir_ledger_record(&work->dir, &work->tags, &work->event)) != 0)
			fail_state(work, error, "cannot write the ledger");
		weir_state_dir_unlock_ledger(&work->dir);
	}
	return error;
}

static void on_progress(void *opaque, uint64_t received, uint64_t chunks, bool waiting, double rate)
{
	struct weir_client *client = opaque;
	struct weir_client_progress progress = {
		.phase = waiting ? WEIR_CLIENT_WAITING : WEIR_CLIENT_SENDING,
		.done = received,
		.total = chunks,
		.rate = rate,
	};
	if (client->progress != NULL)
		client->progress(client->progress_opaque, &progress);
}

// Looks whether anything has moved: chunks that arrived, this client's state (NULL: as it was), or other
// clients that left their slots. Says once what is waited for (the context's message), and gives up when
// nothing has moved for the context's timeout. 0, or -ETIMEDOUT with the sentence.
static int wait_on(struct work *work, uint64_t arrived, const char *state)
{
	struct weir_client *client = work->client;
	struct moved *moved = &work->moved;
	const struct weir_event_view *view = &work->view;
	char what[WEIR_CLIENT_TEXT_SIZE], sentence[WEIR_CLIENT_TEXT_SIZE];
	uint64_t now = weir_monotonic_ms();
	memcpy(what, client->message, sizeof(what));
	bool is_new_state = state != NULL && strcmp(state, moved->state) != 0;
	if (moved->since_ms == 0 || arrived != moved->arrived || view->sealed != moved->sealed ||
		view->aborted != moved->aborted || is_new_state) {
		moved->since_ms = now;
		moved->arrived = arrived;
		moved->sealed = view->sealed;
		moved->aborted = view->aborted;
		if (is_new_state)
			snprintf(moved->state, sizeof(moved->state), "%s", state);
	}
	if (now - moved->since_ms >= client->timeout_ms)
		return weir_client_fail(
			client, -ETIMEDOUT, "%.380s; run the same command again to continue", what);
	if (strcmp(what, moved->told) != 0) {
		weir_text_fail(sentence, 0, "%.440s; waiting for another %" PRIu64 " s", what,
			(client->timeout_ms - (now - moved->since_ms) + 999) / 1000);
		weir_client_tell(client, sentence);
		memcpy(moved->told, what, sizeof(moved->told));
	}
	return 0;
}

// Runs the sender until all is there. When it hears nothing, or nothing new, it asks the leader whether
// the event still lives, and goes on while it does and the context's timeout allows.
static int send_shares(struct work *work, struct weir_sender *sender)
{
	struct weir_client *client = work->client;
	char message[WEIR_CLIENT_TEXT_SIZE];
	for (;;) {
		int error = weir_sender_run(sender, client->message);
		if (error != -ETIMEDOUT && error != -EAGAIN)
			return error;
		memcpy(message, client->message, sizeof(message));
		error = refresh(work);
		if (error != 0)
			return error;
		if (!is_open(work))
			return 0; // the leader knows how this client stands
		memcpy(client->message, message, sizeof(message));
		error = wait_on(work, weir_sender_received(sender), NULL);
		if (error != 0)
			return error;
	}
}

// Takes the leader's answer: 0 sealed and stored; 1 not yet; or an error.
static int take_answer(struct work *work, const struct weir_client_view *answer,
	struct weir_client_receipt *receipt)
{
	struct weir_client *client = work->client;
	char why[WEIR_CLIENT_TEXT_SIZE];
	if (!is_same(&answer->join, &work->join.digest))
		return weir_client_fail(client, -EBADMSG,
			"%s: the log has another join for this client",
			client->aggregators[0].name);
	if (strcmp(answer->state, "aborted") == 0)
		return weir_client_fail(client, -ECONNABORTED, "this client was aborted: %s",
			answer->reason[0] == '\0' ? "no reason given" : answer->reason);
	if (strcmp(answer->state, "sealed") != 0)
		return 1;
	if (!weir_receipts_verify(client, &work->event, &work->join.digest, answer, why)) {
		for (size_t i = 0; i < client->aggregator_count; i++)
			if (!answer->has_receipt[i])
				return 1;
		return weir_client_fail(client, -EBADMSG, "%s", why);
	}
	struct weir_stored_receipt stored = {.client = work->index,
		.batch = answer->batch,
		.clipped = work->split.header->clipped,
		.input = work->tags.input};
	receipt->client = stored.client;
	receipt->batch = stored.batch;
	receipt->clipped = stored.clipped;
	return weir_receipt_store(client, &work->dir, &work->event, &stored,
		work->split.header->join, work->split.header->join_signature, answer);
}

// Until the receipts are there: sends until complete everywhere, and again when a rolled back batch cost
// somebody a copy; without a sender only waits.
static int await_receipts(
	struct work *work, struct weir_sender *sender, struct weir_client_receipt *receipt)
{
	struct weir_client *client = work->client;
	struct weir_client_view answer;
	int result;
	work->moved = (struct moved){0};
	for (;;) {
		result = is_open(work) && sender != NULL ? send_shares(work, sender) : 0;
		if (result != 0 && result != -ECONNABORTED)
			break;
		weir_client_report(client, WEIR_CLIENT_CONFIRMING, 0, 0);
		uint64_t asked_ms = weir_monotonic_ms();
		result = weir_leader_client(client, &work->event, work->index, RECEIPT_S, &answer);
		if (result != 0 || (result = take_answer(work, &answer, receipt)) <= 0)
			break;
		if ((result = refresh(work)) != 0)
			break;
		if (strcmp(work->view.state, "failed") == 0) {
			result = event_ended(work);
			break;
		}
		weir_client_fail(client, 0,
			sender != NULL ? "all shares have arrived, but not every aggregator has "
					 "added them yet"
				       : "all has been sent once, but not every aggregator has "
					 "added it yet");
		if ((result = wait_on(work, sender != NULL ? weir_sender_received(sender) : 0,
			     answer.state)) != 0)
			break;
		if (weir_monotonic_ms() - asked_ms < 100 &&
			(result = weir_client_pause(client, 200)) != 0)
			break;
		if (sender != NULL)
			weir_sender_doubt(sender);
	}
	return result;
}

static int upload(struct work *work, struct weir_client_receipt *receipt)
{
	struct weir_sender_setup setup = {
		.patience_ms = PATIENCE_MS, .progress = on_progress, .opaque = work->client};
	struct weir_sender *sender = weir_join_sender(
		work->client, &work->view.announcement, &work->split, work->index, &setup);
	if (sender == NULL)
		return -errno;
	int result = await_receipts(work, sender, receipt);
	weir_sender_free(sender);
	return result;
}

// Sends everything once; nobody is asked what has arrived.
static int upload_once(struct work *work, struct weir_client_receipt *receipt)
{
	const struct weir_client_submission *submission = work->submission;
	struct weir_sender_setup setup = {.progress = on_progress, .opaque = work->client};
	int error = weir_join_send_once(work->client, &work->view.announcement, &work->split,
		work->index, submission->rate == 0 ? WEIR_ONE_SHOT_RATE : submission->rate, &setup);
	if (error != 0 || !submission->no_wait)
		return error != 0 ? error : await_receipts(work, NULL, receipt);
	receipt->client = work->index;
	receipt->clipped = work->split.header->clipped;
	receipt->unconfirmed = true;
	return 0;
}

// What makes a join worthless for good: before it was accepted, any refusal.
static bool is_final(int error, bool is_joined)
{
	if (error == -ECONNABORTED || error == -ESHUTDOWN)
		return true;
	return !is_joined && (error == -EACCES || error == -EEXIST || error == -EBUSY);
}

static int attempt(struct work *work, struct weir_client_receipt *receipt)
{
	int error = prepare_split(work);
	if (error != 0)
		return error;
	error = join_event(work);
	bool is_joined = error == 0;
	if (is_joined)
		error = work->submission->one_shot ? upload_once(work, receipt)
						   : upload(work, receipt);
	if ((error == 0 && !receipt->unconfirmed) || is_final(error, is_joined))
		weir_split_destroy(&work->dir, &work->split);
	else
		weir_split_close(&work->dir, &work->split);
	return error;
}

static int run(struct work *work, struct weir_client_receipt *receipt)
{
	struct weir_client *client = work->client;
	const struct weir_event_terms *terms = &work->view.announcement.terms;
	uint32_t weight = work->submission->weight;
	char why[WEIR_CLIENT_TEXT_SIZE];
	if (weight > terms->max_weight)
		return weir_client_fail(client, -EINVAL,
			"the weight is %u, but the event allows 1 to %u", weight,
			terms->max_weight);
	if (work->submission->one_shot && terms->fec.data == 0)
		return weir_client_fail(client, -EOPNOTSUPP,
			"the event has no forward error correction, so what is sent once may be "
			"lost; submit without --one-shot");
	weir_client_report(client, WEIR_CLIENT_SPLITTING, 0, 0);
	int error = weir_encode_vector(
		client, terms, &work->submission->vector, &work->elements, &work->clipped);
	if (error != 0)
		return error;
	error = weir_state_dir_lock_ledger(&work->dir);
	if (error == 0) {
		error = weir_ledger_tag(&work->dir, &work->submission->vector, terms->modulus,
			work->elements, &work->tags);
		weir_state_dir_unlock_ledger(&work->dir);
	}
	if (error != 0)
		return fail_state(work, error, "cannot use the ledger");
	error = find_receipt(work, receipt);
	if (error != -ENOENT)
		return error;
	uint64_t pause = REJOIN_LEAST;
	for (int left = ATTEMPTS; left > 0; left--) {
		error = attempt(work, receipt);
		if (error != -ECONNABORTED)
			return error;
		memcpy(why, client->message, sizeof(why));
		if (left == 1)
			break;
		// Whoever was aborted because an aggregator is away needs the time, and the others the slot.
		if ((error = weir_client_pause(client, weir_jitter(pause))) != 0 ||
			(error = refresh(work)) != 0)
			return error;
		if (!is_open(work))
			break;
		pause = pause * 2 > REJOIN_MOST ? REJOIN_MOST : pause * 2;
	}
	return weir_client_fail(client, -ESHUTDOWN, "%.400s; it counts nowhere", why);
}

int weir_client_submit(struct weir_client *client, const struct weir_client_submission *submission,
	struct weir_client_receipt *receipt)
{
	struct work work = {.client = client, .submission = submission, .split.fd = -1};
	memset(receipt, 0, sizeof(*receipt));
	int error = weir_event_id(client, submission->event, &work.event);
	if (error == 0)
		error = weir_leader_event(client, &work.event, &work.view);
	if (error != 0)
		return error;
	size_t size = work.view.announcement.terms.dimension *
		      weir_modulus_element_size(work.view.announcement.terms.modulus);
	error = weir_state_dir_open(&work.dir, client->state, client->message);
	if (error == 0) {
		error = weir_state_dir_lock_event(&work.dir, &work.event);
		if (error == -EBUSY)
			weir_client_fail(client, error,
				"another process is submitting to this event with the state in %s",
				client->state);
		else if (error != 0)
			fail_state(&work, error, "cannot lock the state");
	}
	if (error == 0 && (error = weir_split_clear(&work.dir, &work.event)) != 0)
		fail_state(&work, error, "cannot remove what an earlier run left");
	if (error == 0)
		error = run(&work, receipt);
	if (error == 0 && !receipt->unconfirmed)
		weir_receipt_path(client, &work.event, receipt->file, sizeof(receipt->file));
	if (work.elements != NULL)
		weir_wipe(work.elements, size);
	free(work.elements);
	weir_state_dir_close(&work.dir);
	weir_event_view_clear(&work.view);
	return error;
}
