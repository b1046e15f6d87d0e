// Package store is what a gateway or a hub remembers when its machine dies: the
// journal of every study, the audit log, the stewards' decisions, the ledger of
// cohorts, and, apart from them, the vault of its identity keys.
//
//	state/           0700
//	  store.db       0600   journal: what was sent, received, decided, per plan
//	                        audit:   decisions, runs, disclosures, freezes, evidence
//	  lock                  held by the one process that may write
//	vault/           0700
//	  gateway.key    0600   an identity, under a passphrase if it has one
//
// Journal and audit are hash chains: each record's link is SHA-256 over the link
// before it and the record itself, and each audit event also names the head the
// journal had. [Open] and [Reader.Verify] follow both from the first record;
// a record that was altered, moved or taken out is named in a [Damage].
//
// A record is on the disk before Append returns. The database keeps a rollback
// journal (journal_mode TRUNCATE, synchronous EXTRA), not a write-ahead log: a
// commit takes five fsyncs and not one, but afterwards all records are in
// one file under the chain. A write-ahead log may be cut short by a flipped bit,
// or deleted by someone who tidies up, and SQLite then goes on without its
// tail and without an error; a gateway that forgot what it unlocked is what
// the journal is there to prevent.
//
// Decisions, runs and freezes are audit events and nothing else: what a steward
// reads in the log is what the gateway goes by.
//
// What this package does not do: an owner of the machine can rewrite the whole
// chain, or put an old copy of the database in place. The first shows to whoever
// wrote down a [Head] ([Reader.Passed]), the second to the other hospitals, as
// they have seen later messages of this one. Journal records hold session keys,
// and the database is not encrypted: its place is an encrypted disk, local to
// the machine, as locks of network file systems cannot be relied on.
package store
