# SPDX-License-Identifier: GPL-2.0-only
"""Which functions a splat can be about."""

from __future__ import annotations

import pytest

from harness.verdicts.helpers import DISPATCHERS, ENTRIES, HELPERS, REPORTERS

# What this harness is about must never be passed over for its name.
SUBJECTS = """
handle_userfault mfill_atomic mfill_atomic_pte mfill_atomic_hugetlb hugetlb_mfill_atomic_pte
hugetlb_mcopy_atomic_pte mcopy_atomic shmem_mfill_atomic_pte shmem_mcopy_atomic_pte move_pages
userfaultfd_ioctl userfaultfd_continue userfaultfd_release userfaultfd_register wake_userfault
userfaultfd_wake_function mwriteprotect_range change_protection hugetlb_fault hugetlb_no_page
shmem_fault shmem_get_folio do_fault handle_mm_fault do_swap_page do_wp_page wp_page_copy
do_anonymous_page unmap_page_range zap_pte_range copy_page_range copy_hugetlb_page_range
copy_present_pte copy_mm copy_process dup_mmap move_page_tables mremap_to do_munmap vma_merge
memfd_create memory_failure mem_cgroup_charge mempolicy khugepaged collapse_file migrate_pages
try_to_unmap_one page_remove_rmap page_add_file_rmap folio_add_new_anon_rmap free_pgtables
free_huge_folio free_huge_page alloc_hugetlb_folio alloc_huge_page get_user_pages __get_user_pages
filemap_fault exit_mmap mmput truncate_inode_pages_range release_pages free_pages_and_swap_cache
split_huge_page_to_list queue_pages_range clear_huge_page copy_huge_page complete_signal
find_get_entry find_lock_page mark_page_accessed perf_event_mmap strange_driver_probe
"""
REPORT = """
dump_stack dump_stack_lvl panic __warn report_bug handle_bug exc_page_fault asm_exc_invalid_op
page_fault_oops do_user_addr_fault do_mem_abort el1h_64_sync_handler kasan_report __asan_load8
kmsan_report ubsan_epilogue __ubsan_handle_shift_out_of_bounds print_circular_bug check_noncircular
lockdep_rcu_suspicious check_preemption_disabled nmi_cpu_backtrace rcu_dump_cpu_stacks
sched_show_task debug_print_object bad_page __might_sleep __unwind_start unwind_next_frame
"""
HELP = """
memcpy memcpy_orig __memset strlen sized_strscpy crc32_le _copy_to_user __list_add_valid
__list_del_entry_valid_or_report refcount_warn_saturate kfree kmalloc_slab __alloc_pages_noprof
get_page_from_freelist _raw_spin_lock_irqsave mutex_lock_nested __mutex_lock down_write
lock_acquire __lock_acquire __schedule schedule schedule_timeout wait_for_completion
usb_submit_urb kobject_add_internal __flush_work smp_call_function_many_cond
__sanitizer_cov_trace_pc update_process_times hrtimer_interrupt default_idle delay_tsc
"""
ENTER = """
do_syscall_64 entry_SYSCALL_64_after_hwframe x64_sys_call do_int80_syscall_32 entry_INT80_32
__do_fast_syscall_32 entry_SYSENTER_32 el0_svc_common invoke_syscall do_el0_svc el0_svc
el0t_64_sync el0t_64_sync_handler ret_fast_syscall ret_from_fork ret_from_fork_asm kthread
asm_sysvec_apic_timer_interrupt sysvec_apic_timer_interrupt __irq_svc gic_handle_irq start_secondary
"""
NO_CAUSE = (REPORTERS, ENTRIES, HELPERS)


@pytest.mark.parametrize("name", SUBJECTS.split())
def test_what_a_splat_can_be_about(name):
    assert not any(names.match(name) for names in NO_CAUSE)


@pytest.mark.parametrize(
    ("names", "wanted"), [(REPORT, REPORTERS), (HELP, HELPERS), (ENTER, ENTRIES)]
)
def test_what_it_cannot(names, wanted):
    assert [name for name in names.split() if not wanted.match(name)] == []


def test_a_name_is_matched_whole():
    assert not REPORTERS.match("panicky")
    assert not HELPERS.match("not_memcpy")
    assert DISPATCHERS.match("vfs_write")
    assert not DISPATCHERS.match("my_vfs_write")
