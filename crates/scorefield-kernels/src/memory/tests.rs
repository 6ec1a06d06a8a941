//! Blocks keep what was written to them, come back when they should, and are zero when that was asked for.

use super::*;
use std::alloc::System;
use std::sync::mpsc;

const MIB: usize = 1 << 20;

/// The counts are the process's: tests that read them take turns, and so do those that would change them meanwhile.
static TURN: Mutex<()> = Mutex::new(());

fn turn() -> MutexGuard<'static, ()> {
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

fn layout(size: usize) -> Layout {
    Layout::from_size_align(size, 16).unwrap()
}

/// A block that checks itself when it is dropped.
struct Block<'a> {
    from: &'a Reuse<System>,
    at: usize,
    layout: Layout,
    mark: u8,
}

impl<'a> Block<'a> {
    fn new(from: &'a Reuse<System>, size: usize, mark: u8) -> Self {
        let layout = layout(size);
        // SAFETY: the size is not 0.
        let at = unsafe { from.alloc(layout) };
        let mut block = Self { from, at: at.expose_provenance(), layout, mark };
        block.mark(mark);
        block
    }

    /// Overwrites all of it.
    fn fill(&mut self, byte: u8) {
        // SAFETY: the block has `layout.size()` bytes, and nobody else has it.
        unsafe { ptr::with_exposed_provenance_mut::<u8>(self.at).write_bytes(byte, self.layout.size()) };
    }

    /// Writes to both ends and a place between.
    fn mark(&mut self, mark: u8) {
        self.mark = mark;
        let (at, last) = (ptr::with_exposed_provenance_mut::<u8>(self.at), self.layout.size() - 1);
        for i in [0, last / 2, last] {
            // SAFETY: within the block.
            unsafe { at.add(i).write(mark) };
        }
    }

    fn holds(&self) {
        let (at, last) = (ptr::with_exposed_provenance::<u8>(self.at), self.layout.size() - 1);
        for i in [0, last / 2, last] {
            // SAFETY: within the block, and written by `mark`.
            assert_eq!(unsafe { at.add(i).read() }, self.mark);
        }
    }

    fn resize(&mut self, size: usize) {
        let at = ptr::with_exposed_provenance_mut(self.at);
        // SAFETY: made by this allocator with this layout; the size is not 0.
        self.at = unsafe { self.from.realloc(at, self.layout, size) }.expose_provenance();
        self.layout = layout(size);
    }
}

impl Drop for Block<'_> {
    fn drop(&mut self) {
        // SAFETY: made by this allocator with this layout, and dropped once.
        unsafe { self.from.dealloc(ptr::with_exposed_provenance_mut(self.at), self.layout) };
    }
}

#[test]
fn a_class_holds_its_sizes_with_an_eighth_to_spare_and_neighbours_meet() {
    let class = |size| Class::of(layout(size));
    assert_eq!((class((1 << SMALLEST) - 1), class((1 << LARGEST) + 1)), (None, None));
    assert_eq!(Class::of(Layout::from_size_align(MIB, 2 * ALIGN).unwrap()), None);
    assert_eq!(class(1 << LARGEST).unwrap().index, CLASSES - 1);
    let mut before = class(1 << SMALLEST).unwrap();
    assert_eq!(before, Class { index: 0, size: 1 << SMALLEST });
    for index in 1..CLASSES {
        let next = class(before.size + 1).unwrap();
        assert_eq!((next.index, class(next.size)), (index, Some(next)));
        assert!(next.size * 8 <= (before.size + 1) * 9 && next.size % ALIGN == 0, "{index}");
        before = next;
    }
}

#[test]
fn a_step_that_repeats_takes_no_fresh_block_and_all_start_on_cache_lines() {
    let (_turn, reuse) = (turn(), Reuse::new(System));
    let step = || {
        let blocks = [MIB, 3 * MIB, MIB, 300_000, 8 * MIB].map(|size| Block::new(&reuse, size, 7));
        assert!(blocks.iter().all(|b| b.at.is_multiple_of(ALIGN)));
    };
    step();
    let first = stats();
    step();
    let second = stats();
    assert_eq!((second.fresh_blocks, second.reused_blocks), (first.fresh_blocks, first.reused_blocks + 5));
    assert_eq!(second.held_bytes, first.held_bytes);
    reuse.keep_at_most(0);
    assert_eq!((stats().released_blocks - first.released_blocks, reuse.lists().held), (5, 0));
}

#[test]
fn no_more_is_kept_than_may_be_and_sizes_out_of_use_go_first() {
    let (_turn, reuse) = (turn(), Reuse::new(System));
    reuse.keep_at_most(8 * MIB);
    drop([5 * MIB, MIB, 2 * MIB].map(|size| Block::new(&reuse, size, 1)));
    assert_eq!(reuse.lists().held, 8 * MIB);
    drop([MIB, MIB, 2 * MIB].map(|size| Block::new(&reuse, size, 1)));
    let lists = reuse.lists();
    let kept = |size| lists.classes[Class::of(layout(size)).unwrap().index].first.is_some();
    assert_eq!((lists.held, kept(5 * MIB), kept(MIB), kept(2 * MIB)), (4 * MIB, false, true, true));
    drop(lists);
    reuse.keep_at_most(0);
}

#[test]
fn a_used_block_comes_back_zeroed_where_zeros_were_asked_for() {
    let (_turn, reuse) = (turn(), Reuse::new(System));
    let size = if cfg!(miri) { 1 << SMALLEST } else { 3 * MIB - 5 };
    Block::new(&reuse, size, 0).fill(0xff);
    // SAFETY: the size is not 0.
    let at = unsafe { reuse.alloc_zeroed(layout(size)) };
    let block = Block { from: &reuse, at: at.expose_provenance(), layout: layout(size), mark: 0 };
    // SAFETY: the block has that many bytes, all of them written.
    assert!((0..size).all(|i| unsafe { at.add(i).read() } == 0));
    drop(block);
    reuse.keep_at_most(0);
}

#[test]
fn a_block_that_grows_or_shrinks_keeps_its_contents_into_out_of_and_inside_a_class() {
    let (_turn, reuse) = (turn(), Reuse::new(System));
    let mut block = Block::new(&reuse, 1000, 0);
    for (i, size) in [2000, MIB, MIB + 1, MIB + 2, 5 * MIB, 300_000, 100, 70].into_iter().enumerate() {
        let kept = size.min(block.layout.size());
        block.fill(i as u8);
        block.resize(size);
        let at = ptr::with_exposed_provenance::<u8>(block.at);
        for j in [0, kept / 2, kept - 1] {
            // SAFETY: within the block, and written before it was resized.
            assert_eq!(unsafe { at.add(j).read() }, i as u8, "{size}");
        }
    }
    drop(block);
    reuse.keep_at_most(0);
}

#[test]
fn threads_that_hand_blocks_to_one_another_never_share_one() {
    let (_turn, reuse) = (turn(), Reuse::new(System));
    reuse.keep_at_most(16 * MIB);
    let (threads, rounds) = if cfg!(miri) { (3, 20) } else { (4, 2000) };
    std::thread::scope(|scope| {
        let (mut senders, receivers): (Vec<_>, Vec<_>) = (0..threads).map(|_| mpsc::channel::<Block<'_>>()).unzip();
        senders.rotate_left(1);
        for (t, (to, from)) in senders.into_iter().zip(receivers).enumerate() {
            let reuse = &reuse;
            scope.spawn(move || {
                let mut held = Vec::new();
                for round in 0..rounds {
                    let mixed = (t * rounds + round).wrapping_mul(0x9e37_79b9) >> 7;
                    let size = 100_000 + mixed % (3 * MIB);
                    held.push(Block::new(reuse, size, mixed as u8));
                    if mixed % 3 == 0 {
                        // The neighbour may have ended already; then the block is dropped here.
                        drop(to.send(held.swap_remove(mixed % held.len())));
                    }
                    if mixed % 5 == 0 && held.len() > 2 {
                        let mut block = held.swap_remove(0);
                        block.holds();
                        block.resize(size / 2 + 1);
                    }
                    held.extend(from.try_iter().inspect(Block::holds).take(2));
                    held.truncate(12);
                    held.iter().for_each(Block::holds);
                }
            });
        }
    });
    assert!(reuse.lists().held <= 16 * MIB);
    reuse.keep_at_most(0);
    assert_eq!(reuse.lists().held, 0);
}
