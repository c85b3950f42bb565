/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The sequence protocol, the detaching of trees and the order of flushes, as a
 * Promela model: every interleaving of
 *
 *	two faults of L2, an invalidation of a page, an invalidation of the
 *	whole guest, and a notifier,
 *
 * over one address. Values are versions: l1 is what L1's entry says, a shadow
 * leaf holds the version it was made from, 0 is none. Hardware may load its TLB
 * from the tree it walks at any moment; it forgets only when flushed.
 *
 * Checked: when an invalidation returns, the TLB holds no older version; when
 * the notifier returns, the TLB holds nothing made from the frame it took; a
 * tree is drained only when no CPU can walk it.
 *
 * -DBUG=n plants a fault, each of which spin has to find:
 *  1 no recheck under the lock		5 quiet before the flush
 *  2 snapshot after the walk		6 publish the root seen before the mutex
 *  3 bump after the zap, in a hold of its own
 *  4 flush after the lock is dropped	7 notifier skips detached trees
 *  8 do not wait for a detached tree	9 no bump for the whole guest
 */
#ifndef BUG
#define BUG 0
#endif

byte l1 = 1;			/* version of L1's entry */
byte seq = 0;			/* inval_seq */
bool lock = false;		/* mmu_lock */
bool pate = false;		/* pate_mutex */

byte shadow[3];			/* leaf of each tree: a version, 0 none */
byte frame[3];			/* and the frame that it was made from */
bool detached[3];		/* replaced, hardware may walk it */
bool quiet[3];			/* nobody walks it: it is being drained */
byte live = 0;			/* tree that gains leaves */
byte next = 1;			/* next tree to be made */
byte root = 0;			/* in the table entry that hardware reads */
byte published = 0;		/* what software knows to be there and flushed */
byte walked = 0;		/* root that hardware has cached */

byte tlb = 0;			/* cached leaf */
byte tlb_frame = 0;
byte host = 1;			/* our leaf: frame, 0 none */

#define LOCK(l)		atomic { !l -> l = true }
#define UNLOCK(l)	l = false
#define FLUSH_PAGE	d_step { tlb = 0; tlb_frame = 0 }
#define FLUSH_ALL	d_step { tlb = 0; tlb_frame = 0; walked = root }

/* Hardware: walks whichever root it has cached, or reads the entry anew. */
active proctype hardware()
{
end:	do
	:: d_step { shadow[walked] != 0 -> tlb = shadow[walked];
		    tlb_frame = frame[walked] }
	:: d_step { walked != root -> walked = root }
	od
}

proctype vcpu()
{
	byte snap, version;

#if BUG != 2
	snap = seq;
#endif
	version = l1;
#if BUG == 2
	snap = seq;
#endif
	LOCK(lock);
	if
#if BUG == 1
	:: host != 0 ->
#else
	:: snap == seq && host != 0 ->
#endif
		/* Another translation is cleared and flushed first (I1). */
		if
		:: shadow[live] != 0 && (shadow[live] != version ||
					 frame[live] != host) ->
			shadow[live] = 0;
			FLUSH_PAGE
		:: else
		fi;
		d_step { shadow[live] = version; frame[live] = host }
	:: else
	fi;
	UNLOCK(lock)
}

/* A detached tree was out of the entry before the flush: nobody walks it. */
inline quiesce(i)
{
	if
	:: detached[i] && i != published ->
		assert(walked != i && root != i);
		detached[i] = false;
		quiet[i] = true
	:: else
	fi
}

inline quiesce_all()
{
	atomic {
		quiesce(0);
		quiesce(1);
		quiesce(2)
	}
}

/*
 * Publish whichever tree is live now; what was detached before is quiet. It may
 * be detached meanwhile: then it stays published, and is not quiet yet.
 */
inline settle(early)
{
	LOCK(lock);
	settled = published == live;
	UNLOCK(lock);
	if
#if BUG == 8
	:: true -> skip
#else
	:: settled -> skip
	:: !settled ->
		LOCK(pate);
		if
#if BUG == 6
		:: true ->
			tree = early;
#else
		:: published != live ->
			LOCK(lock);
			tree = live;
			UNLOCK(lock);
#endif
#if BUG == 5
			LOCK(lock);
			published = tree;
			quiesce_all();
			UNLOCK(lock);
#endif
			assert(!quiet[tree]);
			root = tree;
			FLUSH_ALL;
			LOCK(lock);
			published = tree;
			quiesce_all();
			UNLOCK(lock)
#if BUG != 6
		:: else
#endif
		fi;
		UNLOCK(pate)
#endif
	fi
}

/* L1 changes its entry, then asks for one page. */
proctype inval_page()
{
	byte mine;
	bool settled;
	byte tree;

	d_step { l1++; mine = l1 }
	LOCK(lock);
#if BUG != 3
	seq++;
#endif
	shadow[live] = 0;
#if BUG == 4
	UNLOCK(lock);
	FLUSH_PAGE;
#else
	FLUSH_PAGE;
	UNLOCK(lock);
#endif
#if BUG == 3
	LOCK(lock);
	seq++;
	UNLOCK(lock);
#endif
	settle(live);
	assert(tlb == 0 || tlb >= mine)
}

/*
 * L1 changes its entry, then asks for everything of the guest. The bump comes
 * first, memory for another tree is got without the lock; a tree that had no
 * leaf at the bump has none since that L1 could complain about.
 */
proctype inval_guest()
{
	byte mine, now;
	bool settled, leaves;
	byte tree;

	d_step { l1++; mine = l1 }
	LOCK(lock);
#if BUG != 9
	seq++;
#endif
	leaves = shadow[live] != 0;
	UNLOCK(lock);
	if
	:: leaves ->
		LOCK(lock);
		d_step {
			detached[live] = true;
			live = next;
			next++;
			now = live
		}
		UNLOCK(lock)
	:: else -> now = live
	fi;
	settle(now);
	assert(tlb == 0 || tlb >= mine)
}

/* Memory is short: the whole tree goes, but L1 has not asked for anything. */
proctype discard()
{
	bool settled;
	byte tree;
	byte now;

	LOCK(lock);
	d_step { detached[live] = true; live = next; next++; now = live }
	UNLOCK(lock);
	settle(now)
}

/* The host takes frame 1 and gives frame 2. */
proctype notifier()
{
	bool found = false;
	byte i = 0;

	LOCK(lock);
	do
	:: i < 3 ->
		if
#if BUG == 7
		:: shadow[i] != 0 && frame[i] == 1 && !detached[i] ->
#else
		:: shadow[i] != 0 && frame[i] == 1 ->
#endif
			shadow[i] = 0; found = true
		:: else
		fi;
		i++
	:: else -> break
	od;
	host = 0;
	if
	:: found -> FLUSH_PAGE
	:: else
	fi;
	/* The lock is dropped: the frame may be somebody else's. */
	assert(tlb_frame != 1);
	UNLOCK(lock);
	LOCK(lock);
	host = 2;
	UNLOCK(lock)
}

/*
 * All of it at once is more than one wants to wait for: -DPAGE, -DGUESTS and
 * -DDISCARD choose what races.
 */
init
{
	atomic {
		run vcpu();
#if defined(PAGE)
		run vcpu();
		run inval_page();
		run inval_guest();
		run notifier()
#elif defined(GUESTS)
		run vcpu();
		run inval_guest();
		run inval_guest()
#else
		run vcpu();
		run inval_page();
		run discard();
		run notifier()
#endif
	}
}
