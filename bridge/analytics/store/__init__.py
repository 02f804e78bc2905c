"""The store of the analytics: every event once, what is known of it as columns, and nobody's name where it stays.

A folder with two databases. The process that has it open holds `lock`; nobody else may open it, not even to read.

`analytics.duckdb` (DuckDB), without a single personal string:

    facts        one row an event, narrow; what questions are asked of (`columns.FACTS`):
                   id            the event's own, UUID (P5)
                   time          when the call was asked (requestTimestamp), UTC; if it does not say, `received`
                   received      when the bridge, or this store, took it
                   faulty, status, target_status, error_code, the four latencies (ms), response_bytes, cache_hit,
                   bot, ai_prompt_tokens, ai_completion_tokens, ai_total_tokens
                   a number from `names` for each of `columns.NAMED` (api, application, browser, …)
                   a number from people.db for each of `columns.PERSONAL` (user, ip, user_agent, …)
                 NULL: the event does not say, or says one of WSO2's words for "not known"
    names        id, field, value: the texts of the dimensions; (field, value) is there once
    details      id, time, correlation_id
                 shape: what the columns do not say of the event's members, a bit for each of `columns.MARKS`
                 rest: what is left of the event, as JSON
    untimed      the ids of events that do not say when they were asked
    gone         id, received: events that are not kept, but may come again: retention has deleted them, or had emptied
                 their time before they came, or they were erased; and records; for 30 days after they were received
    meta         key, value: `schema`, the version of all this; `let_go`, how many events retention has deleted;
                 `too_old`, how many came when it had emptied their time; `erased`, how many were erased, or came when
                 they had been; `records`, how many came that are no calls; `kept_from`, the time (µs) before which
                 retention keeps none
    accounts     sender, instance, seen, account: what each bridge said last about itself
    annotations  id, time, text: what people marked in time
    rollup_…     one table for each of `cubes.CUBES`: calls counted beforehand by a few columns and a step of time;
                 their `time` is when the step begins
    rolled       length, start, until (µs): from `start` to before `until` the cubes of this length count
    boards       id, version, body: views that people keep together; each change makes a version

`people.db` (SQLite, secure_delete=ON: what is deleted is overwritten):

    people       id, field, value: the texts of `columns.PERSONAL`; an id is never given again
    rests        time (µs), id, body: what is left of an event and may hold personal strings (headers, bodies, unknown
                 members), as JSON
    last         low, high: between which times the last batch has put something into `rests`
    companies    user, company: whose a user's calls are that name no company, as a record has said
    erased       digest: a keyed hash of whose data was erased; keeps_counts; before_ms: from before which time;
                 spoken_of, words: a keyed hash of the words that nothing may speak of, and how many they are; ended:
                 whether all that was there is gone
    erasing_keys key: of these hashes; others than the first came with what another store had erased

What holds:

S1  An event is in `facts` once, by its id, whoever sends it again. Equal ids have equal times, because an id is made
    of the event's time (P5); so an id is looked for in the times of its batch only, and among `untimed`. Where an
    event does not say its time, its id is looked for everywhere. The ids of the latest times are remembered, and the
    file is asked only where one of them, or of times before them, comes.
S2  `append` returns when the events are on disk. people.db is committed before the facts that point to it, so a crash
    between the two leaves texts that nobody points to, never facts that point to nothing; a start collects them.
S3  names, facts, details and untimed of a batch are committed in one transaction.
S4  An event is put together again from all of these: it is the JSON that came, in another order of members.
S5  An event is counted once, as one of `facts`, `let_go`, `too_old` or `erased`, and what is said beside calls as one
    of `records`: so the books balance (P7), whatever comes again.
S6  A file that is damaged, of a newer version, or there without the other one, is refused with the cure, and never
    written to. people.db is made first. One of an older version is brought up at the start, all or nothing.
S7  Where `rolled` says so, each cube has every call of `facts` once. Whatever changes facts of such a time takes it out
    of `rolled` in the same transaction; what `rolled` does not name is not read. So it does not matter when a roll-up
    is cut short, or what comes in meanwhile.
S8  What was erased is in no file of the folder once that has ended: DuckDB's file is copied, because deleted data stays
    in its free blocks. Nothing of it from before that time is stored again, whatever comes: from the moment on at which
    `erased` has it.
"""

from bridge.analytics.store.contract import Appended, Fed, ReceivedEvent, ReceivedRecord
from bridge.analytics.store.reading import Snapshot
from bridge.analytics.store.store import Store

__all__ = ["Appended", "Fed", "ReceivedEvent", "ReceivedRecord", "Snapshot", "Store"]
