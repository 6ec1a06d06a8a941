//! An allocator that keeps large blocks which are freed and hands them out again.
//!
//! A training step makes and drops the same arrays of megabytes each time. Given back to the system they return as pages that are not there
//! yet, and the first write to each page of 4 KiB costs a fault and a zeroing: more than many a kernel costs. [`Reuse`] rounds requests of
//! 256 KiB and more up to one of eight sizes a doubling and keeps freed blocks in a list a size. Everything else is another allocator's.
//!
//! What is kept is bounded: past the bound, blocks go back from the size that was asked for longest ago.

use std::alloc::{GlobalAlloc, Layout};
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// log₂ of the smallest block that is kept; a block below costs little to make anew.
const SMALLEST: u32 = 18;
/// log₂ of the largest.
const LARGEST: u32 = 30;
/// Sizes a doubling: a block is at most an eighth larger than what was asked for.
const STEPS: usize = 8;
const CLASSES: usize = (LARGEST - SMALLEST) as usize * STEPS + 1;
/// Every block starts on a cache line, which is also what the widest vectors want.
const ALIGN: usize = 64;
/// What is kept at most until [`Reuse::keep_at_most`] says otherwise.
const KEPT: usize = 256 << 20;

/// Large blocks that were made, reused and given back so far, by all [`Reuse`] of the process (as a rule there is one).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Blocks that had to be made.
    pub fresh_blocks: usize,
    /// Blocks that came out of the lists.
    pub reused_blocks: usize,
    /// Blocks that were given back because the bound was reached.
    pub released_blocks: usize,
    /// Bytes in the lists now.
    pub held_bytes: usize,
}

static FRESH: AtomicUsize = AtomicUsize::new(0);
static REUSED: AtomicUsize = AtomicUsize::new(0);
static RELEASED: AtomicUsize = AtomicUsize::new(0);
static HELD: AtomicUsize = AtomicUsize::new(0);

/// The counts now; all 0 in a program whose allocator is another.
pub fn stats() -> Stats {
    let [fresh_blocks, reused_blocks, released_blocks, held_bytes] = [&FRESH, &REUSED, &RELEASED, &HELD].map(|n| n.load(Relaxed));
    Stats { fresh_blocks, reused_blocks, released_blocks, held_bytes }
}

/// A size of blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Class {
    index: usize,
    size: usize,
}

impl Class {
    /// The smallest class that holds `layout`; none if another allocator serves it. It depends on nothing else, so a block's class is
    /// the same when it is freed as when it was made.
    fn of(layout: Layout) -> Option<Self> {
        let size = layout.size();
        if !(1 << SMALLEST..=1 << LARGEST).contains(&size) || layout.align() > ALIGN {
            return None;
        }
        let doubling = size.ilog2();
        let step = doubling - STEPS.ilog2();
        let steps = size.div_ceil(1 << step);
        // A size just below the next power of two has 2·STEPS steps, which is where the next doubling begins.
        Some(Self { index: (doubling - SMALLEST) as usize * STEPS + steps - STEPS, size: steps << step })
    }

    fn layout(self) -> Layout {
        // SAFETY: ALIGN is a power of two, and `size`, at most 2³⁰ and a multiple of ALIGN, does not overflow.
        unsafe { Layout::from_size_align_unchecked(self.size, ALIGN) }
    }
}

/// The free blocks of a class: each holds in its first bytes the address of the next.
#[derive(Clone, Copy)]
struct List {
    first: Option<NonNull<u8>>,
    size: usize,
    /// When a block was last put in or taken out.
    used: u64,
}

struct Lists {
    classes: [List; CLASSES],
    held: usize,
    most: usize,
    now: u64,
}

// SAFETY: the pointers are owned free blocks, which nobody else knows of; they may be used from any thread.
unsafe impl Send for Lists {}

impl Lists {
    fn take(&mut self, class: Class) -> Option<NonNull<u8>> {
        self.now += 1;
        self.classes[class.index].used = self.now;
        self.pop(class.index)
    }

    fn pop(&mut self, index: usize) -> Option<NonNull<u8>> {
        let list = &mut self.classes[index];
        let block = list.first?;
        // SAFETY: a block in a list is ours, at least 256 KiB, aligned to 64, and `put` wrote the next one's address to its start.
        list.first = unsafe { block.cast::<Option<NonNull<u8>>>().read() };
        self.held -= list.size;
        HELD.fetch_sub(list.size, Relaxed);
        Some(block)
    }

    /// # Safety
    /// `block` was made for `class`, and nobody uses it any more.
    unsafe fn put(&mut self, class: Class, block: NonNull<u8>) {
        self.now += 1;
        let list = &mut self.classes[class.index];
        // SAFETY: by the contract the block is ours; it has room for an address, and alignment.
        unsafe { block.cast::<Option<NonNull<u8>>>().write(list.first) };
        *list = List { first: Some(block), size: class.size, used: self.now };
        self.held += class.size;
        HELD.fetch_add(class.size, Relaxed);
    }

    /// While more is held than may be: a block of the class that was used longest ago.
    fn surplus(&mut self) -> Option<(NonNull<u8>, Class)> {
        if self.held <= self.most {
            return None;
        }
        let filled = (0..CLASSES).filter(|&i| self.classes[i].first.is_some());
        let index = filled.min_by_key(|&i| self.classes[i].used)?;
        let size = self.classes[index].size;
        Some((self.pop(index)?, Class { index, size }))
    }
}

/// An allocator over `A` that reuses large blocks: `#[global_allocator] static ALLOCATOR: Reuse<System> = Reuse::new(System);`.
pub struct Reuse<A> {
    inner: A,
    // A step takes some hundred large blocks, so threads seldom meet here; one that waits should sleep, not spin.
    lists: Mutex<Lists>,
}

impl<A> Reuse<A> {
    /// Over `inner`, which should free with `dealloc` what it made with `alloc`, as allocators do.
    pub const fn new(inner: A) -> Self {
        let empty = List { first: None, size: 0, used: 0 };
        Self { inner, lists: Mutex::new(Lists { classes: [empty; CLASSES], held: 0, most: KEPT, now: 0 }) }
    }

    fn lists(&self) -> MutexGuard<'_, Lists> {
        self.lists.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<A: GlobalAlloc> Reuse<A> {
    /// Bounds what is kept for later, in bytes, from now on.
    pub fn keep_at_most(&self, bytes: usize) {
        self.lists().most = bytes;
        self.release();
    }

    fn release(&self) {
        loop {
            let surplus = self.lists().surplus();
            let Some((block, class)) = surplus else { return };
            RELEASED.fetch_add(1, Relaxed);
            // SAFETY: the block was made by `inner` with this class's layout, and has left the lists.
            unsafe { self.inner.dealloc(block.as_ptr(), class.layout()) };
        }
    }

    fn recycled(&self, class: Class) -> Option<NonNull<u8>> {
        let block = self.lists().take(class);
        let count = if block.is_some() { &REUSED } else { &FRESH };
        count.fetch_add(1, Relaxed);
        block
    }
}

// SAFETY: a block of a class comes from `inner` with the class's layout, which is no smaller and no less aligned than the one asked for. It
// is out of the lists while it is in use, and in at most one of them else. All other layouts are `inner`'s from beginning to end, because the
// class is a function of the layout. Nothing here unwinds: no index is out of range, and the lock's poison is ignored.
unsafe impl<A: GlobalAlloc> GlobalAlloc for Reuse<A> {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let Some(class) = Class::of(layout) else {
            // SAFETY: the caller's contract.
            return unsafe { self.inner.alloc(layout) };
        };
        match self.recycled(class) {
            Some(block) => block.as_ptr(),
            // SAFETY: the class's size is not 0.
            None => unsafe { self.inner.alloc(class.layout()) },
        }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        let Some(class) = Class::of(layout) else {
            // SAFETY: the caller's contract.
            return unsafe { self.inner.alloc_zeroed(layout) };
        };
        match self.recycled(class) {
            Some(block) => {
                // SAFETY: the block is ours and at least as large as `layout`; what was in it is overwritten.
                unsafe { ptr::write_bytes(block.as_ptr(), 0, layout.size()) };
                block.as_ptr()
            }
            // SAFETY: the class's size is not 0.
            None => unsafe { self.inner.alloc_zeroed(class.layout()) },
        }
    }

    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        let (Some(class), Some(block)) = (Class::of(layout), NonNull::new(ptr)) else {
            // SAFETY: the caller's contract; `inner` made the block, as its layout has no class.
            return unsafe { self.inner.dealloc(ptr, layout) };
        };
        // SAFETY: the caller made the block with this layout, so of this class, and is done with it.
        unsafe { self.lists().put(class, block) };
        self.release();
    }

    unsafe fn realloc(&self, ptr: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        // SAFETY: the caller promises that `new_size`, rounded up to the alignment, does not overflow.
        let new = unsafe { Layout::from_size_align_unchecked(new_size, layout.align()) };
        match (Class::of(layout), Class::of(new)) {
            // SAFETY: the caller's contract; the block is `inner`'s and stays so.
            (None, None) => unsafe { self.inner.realloc(ptr, layout, new_size) },
            (old, new) if old == new => ptr,
            _ => {
                // SAFETY: `new_size` is not 0, by the caller's contract.
                let to = unsafe { self.alloc(new) };
                if !to.is_null() {
                    // SAFETY: both blocks have that many bytes and are not the same; the old one is freed once, with its own layout.
                    unsafe {
                        ptr::copy_nonoverlapping(ptr, to, layout.size().min(new_size));
                        self.dealloc(ptr, layout);
                    }
                }
                to
            }
        }
    }
}

#[cfg(test)]
mod tests;
