# SPDX-License-Identifier: GPL-2.0-only
"""Functions that a splat is not about, as data: those that report, enter, and help.

"*" stands for any part of a name.  A splat whose trace has nothing else in it is about a helper
after all, but never about a reporter.
"""

from __future__ import annotations

import re

# Between a cause and its report: they print, trap, or catch.
_REPORTERS = """
dump_stack* show_stack* show_trace* show_regs* dump_backtrace* unwind_backtrace* __show_*
stack_trace_* save_stack* arch_stack_walk* set_track* walk_stackframe* unwind_* __unwind_* panic
nmi_panic vpanic __warn* warn_slowpath* warn_bogus* report_bug* __report_bug* fixup_bug*
handle_bug* die die_* __die* oops_* oops_end* page_fault_oops kernelmode_fixup* no_context
bad_area* __bad_area* do_user_addr_fault do_kern_addr_fault do_page_fault __do_page_fault
trace_page_fault page_fault async_page_fault do_translation_fault do_mem_abort do_sea
do_alignment_fault do_bad_area do_sp_pc_abort die_kernel_fault __do_kernel_fault do_tag_check_fault
do_general_protection general_protection do_error_trap do_invalid_op invalid_op do_trap* math_error
divide_error do_divide_error exc_* asm_exc_* common_exception error_entry error_exit double_fault
do_double_fault stack_segment int3 do_int3* spurious_kernel_fault* bug_handler bug_brk_handler
kasan_handler call_break_hook call_el1_break_hook brk_handler do_el1_brk64 do_debug_exception
early_brk64 el1_* el1h_* el1t_* el1_abort el1_sync* do_DataAbort do_PrefetchAbort __dabt_* __pabt_*
__und_* do_undefinstr arm_notify_die vectors_* bad_mode do_bad do_cache_op panic_bad_stack
handle_bad_stack __bad_stack panic_on_this_cpu check_panic_on_warn try_panic rust_panic*
rust_begin_unwind _R*panic* kasan_* __kasan* __asan* asan_* hwasan_* __hwasan* check_memory_region*
__check_memory_region* kmsan_* __msan_* __kmsan* kcsan_* __kcsan* __tsan_* check_access __kcsan_*
kfence_* __kfence* check_canary* print_report* print_address_* print_error_* kasan_report* ubsan_*
__ubsan_* handle_overflow val_to_string print_trailer object_err slab_err slab_bug slab_fix
check_bytes* check_object check_slab free_debug_processing alloc_debug_processing
free_to_partial_list on_freelist init_object debug_print_object debug_check_no_* __debug_check_no_*
debug_object_* __debug_object_* debug_check* lookup_object_or_alloc bad_page* free_page_is_bad*
check_free_page* free_pages_check* check_new_page* print_bad_pte __might_* ___might_* might_*
__cant_sleep __schedule_bug* schedule_debug __cant_migrate check_preemption_disabled
debug_smp_processor_id __this_cpu_preempt_check spin_dump spin_bug rwlock_bug debug_spin_*
__spin_lock_debug lockdep_* __lockdep* print_circular* print_deadlock* print_usage_bug* print_irq_*
print_bad_* print_unlock_* print_lock_* print_kernel_* print_collision* check_noncircular
check_prev_add check_prevs_add validate_chain register_lock_class assign_lock_key check_deadlock
check_wait_context check_usage* check_irq_usage mark_held_locks mark_usage trace_hardirqs_*
trace_softirqs_* find_usage_* debug_check_no_locks_* valid_state add_chain_* __lock_pin* lock_pin*
nmi_* watchdog_* touch_*watchdog* softlockup_* __perf_event_overflow perf_event_overflow
perf_swevent_hrtimer arch_trigger_* trigger_*_backtrace trigger_*cpu* default_do_nmi do_nmi*
end_repeat_nmi native_cpu_backtrace* rcu_dump_* rcu_check_gp_kthread_* rcu_sched_clock_*
rcu_stall_* print_cpu_stall* print_other_cpu_stall check_cpu_stall rcu_pending __rcu_pending
dump_cpu_task sched_show_task show_state* show_one_* rcu_print_* rcu_exp_*
synchronize_rcu_expedited_wait* print_other_* show_pwq* touch_all_* watchdog check_hung_*
hung_task_* check_panic_* arch_dump_* panic_print_* sysrq_handle_crash kmemleak_* usercopy_abort
__check_object_size* check_heap_object __check_heap_object fortify_panic __fortify_panic
__fortify_report __stack_chk_fail fail_dump should_fail* should_failslab __should_fail* warn_alloc*
ref_tracker_* netdev_tracker_*
"""

# Ways in and out of the kernel, which are other ones on each architecture.
_ENTRIES = """
do_syscall_64 do_syscall_x64 x64_sys_call x32_sys_call ia32_sys_call entry_* __do_fast_syscall_*
do_fast_syscall_* do_int80_* __do_sys*call_32* do_syscall_32_* do_SYSENTER_32 sysenter_* syscall_*
__entry_* ret_* __ret_* rewind_stack_* el0_* el0t_* do_el0_* invoke_syscall __invoke_syscall
el0svc* __sys_trace_* local_restart handle_IRQ* __irq_* __fiq_* irq_* gic_* do_IRQ __do_IRQ
common_interrupt asm_common_interrupt sysvec_* asm_sysvec_* __sysvec_* instr_sysvec_*
apic_timer_interrupt smp_apic_* smp_* call_on_* asm_call_* do_softirq_own_stack run_on_irqstack*
do_interrupt_handler generic_handle_* handle_percpu_* handle_fasteoi_* handle_domain_irq
__handle_domain_irq generic_handle_domain_irq __handle_irq_event_percpu handle_irq* handle_edge_*
do_handle_IPI ipi_handler __el1_irq el1_interrupt secondary_* start_secondary kthread kthreadd
kernel_thread* x86_64_start_* i386_start_kernel rest_init arch_call_rest_init common_startup_*
do_work_pending do_notify_resume work_pending prepare_exit_* ret_fast_syscall exit_to_user_mode*
__exit_to_user_mode* syscall_exit_* irqentry_* __syscall_* __SCT__* __x86_indirect_* __x86_return_*
__traceiter_* trace_call_bpf *int80_emulation start_kernel generic_handle_arch_irq call_with_stack
start_secondary_prolog common_interrupt_return preempt_schedule_thunk* thunk_*
"""

# What a timer's interrupt runs through to report, and what waits, locks and schedules.
_CLOCKS = """
update_process_times update_wall_time tick_* scheduler_tick sched_tick task_tick_* hrtimer_*
__hrtimer_* __run_hrtimer hrtimer_interrupt arch_timer_* arm_arch_timer* lapic_* local_apic_*
timer_interrupt xen_timer_* sched_clock* ktime_get* __schedule* schedule* preempt_schedule*
_cond_resched __cond_resched cond_resched io_schedule* schedule_timeout* __switch_to*
context_switch finish_task_switch dequeue_task* pick_next_* wait_for_completion* __wait_for_common*
do_wait_for_common __wait_for_completion wait_for_common* wait_on_bit* __wait_on_bit*
out_of_line_wait_on_* bit_wait* autoremove_wake_* prepare_to_wait* wait_woken rwsem_down_*
__rwsem_* down_read* down_write* __down_* down_* up_read* up_write* __up_* down up mutex_*
__mutex_* ww_mutex_* rt_mutex_* __rt_mutex_* rtlock_* rt_spin_* percpu_down_* percpu_up_*
percpu_rwsem_* __percpu_down_* semaphore_* __ww_mutex_* _raw_* __raw_* queued_* native_queued_*
pv_queued_* __pv_* pv_wait* kvm_wait arch_spin_* spin_* ticket_* osq_* mspin_* rwsem_* read_lock*
write_lock* read_unlock* write_unlock* native_safe_halt default_idle* arch_cpu_idle acpi_idle_*
acpi_safe_halt cpuidle_* cpu_startup_entry do_idle cpu_idle_* mwait_idle* intel_idle* call_cpuidle
arch_local_* native_halt pv_native_* smp_call_function_* generic_exec_single csd_* on_each_cpu*
__flush_smp_* flush_smp_call_* multi_cpu_* generic_smp_call_* smp_call_on_* stop_one_cpu
stop_machine* __bpf_trace_* perf_trace_* trace_event_* trace_* rcu_read_* __rcu_read_*
rcu_preempt_deferred_* rcu_lock_* rcu_is_* rcu_note_* rcu_dynticks_* rcu_core* rcu_do_* __call_rcu*
call_rcu* kfree_rcu* kvfree_call_rcu __wait_rcu_gp synchronize_* rcu_barrier* rcu_qs* __srcu_*
srcu_* delay_* __delay __const_udelay __udelay udelay* preempt_count_* cpu_relax debug_lockdep_*
rcu_lockdep_* rcu_sync_* lock_sock* __lock_sock release_sock __release_sock
"""

# What is handed bad pointers, sizes and counts by its callers: strings, bits, copies from and to
# programs, checksums.
_STRINGS = """
memcpy* memmove* memset* memcmp* memchr* memscan memweight __memcpy* __memmove* __memset* __memcmp*
strlen* strnlen* strcpy* strncpy* strlcpy* strscpy* strcmp* strncmp* strcasecmp* strncasecmp*
strchr* strnchr* strrchr strstr strcat* strncat* strlcat* strspn strsep strim strreplace
strncpy_from_user __strcpy* __strncpy* __strnlen* __strscpy* __pi_* copy_to_user* copy_from_user*
copy_user_* copy_mc_* copy_in_user* copy_to_iter copy_from_iter* copy_page copy_compat_* _copy_*
__copy_user* __copy_from* __copy_to* raw_copy_* __arch_copy_* copyin copyout* csum_partial*
clear_user* __clear_user __get_user_1 __get_user_2 __get_user_4 __get_user_8 __get_user_nocheck_*
__put_user_* rep_* clear_page clear_page_erms clear_page_rep clear_page_orig __access_* crc32*
crc16* crc_* crc_t10dif* siphash* jhash* xxh* sha1_* find_*_bit _find_* bitmap_* __bitmap_*
hweight* bcmp iov_iter_* copy_page_to_iter* copy_page_from_iter* vsnprintf vscnprintf snprintf
scnprintf sprintf vsprintf format_decode pointer number string string_nocheck vprintk* printk*
_printk* dev_vprintk* console_* __console* vprintk_* printk_* emit_* seq_printf seq_vprintf
kasprintf kvasprintf* memdup_* __memdup* kasan_save_* hex_dump_to_buffer print_hex_dump*
_atomic_dec_and_* aes_* simple_copy_to_iter __read_once_word_nocheck memcpy_and_pad
atomic_notifier_* atomic_* atomic64_* instrument_* arch_atomic* test_bit* set_bit clear_bit
__set_bit test_and_* _test_and_* arch_test_* arch_static_* kernel_text_* kern_addr_* is_module_*
arch_jump_* __static_* static_key_* jump_label_* text_poke* arch_jump_label_* sized_str* sha256_*
sha512_* md5_* blake2s_* chacha_* check_copy_size* *copy_overflow
"""

# Allocators.
_ALLOCATORS = """
kmalloc* __kmalloc* __do_kmalloc* kzalloc* kcalloc* kvmalloc* __kvmalloc* kmem_cache_* krealloc*
__krealloc* __kmem_cache_* ___kmalloc* ___slab_* __slab_* slab_* new_slab* allocate_slab
get_partial* do_kmalloc* ___cache_* __cache_* cache_alloc* cache_grow* fallback_alloc kfree*
kvfree* __kfree* do_slab_free deactivate_slab* flush_cpu_* __unfreeze_* put_cpu_partial qlist_*
quarantine_* kmemdup* kstrdup* kstrndup* vmemdup_* __do_kmalloc_node free_large_* slob_*
__alloc_pages* alloc_pages* alloc_page_* __alloc_frozen_* alloc_frozen_* get_page_from_* rmqueue*
prep_new_* post_alloc_* get_free_pages* __get_free_* get_zeroed_page* __free_pages* __free_page*
free_pages free_pages_prepare free_pages_ok free_unref_* __free_one_* free_pcp* free_frozen_*
free_the_page free_pcppages_* __free_frozen_* prep_compound_* __folio_alloc* folio_alloc*
alloc_slab_* kernel_init_* kernel_poison_* kernel_unpoison_* __kernel_unpoison_* __kernel_poison_*
check_poison* unpoison_* __kernel_map_* __pagealloc_* folio_prealloc vma_alloc_* vmalloc*
__vmalloc* vzalloc* __get_vm_area* alloc_vmap_* vfree* __vfree* __vunmap pcpu_* __alloc_percpu*
free_percpu alloc_percpu* devm_kmalloc* devres_* kobject_* kthread_* kernel_init* __kobject_*
kfree_skb* __kfree_skb* klist_* folio_wait_* __folio_lock* folio_lock* folio_unlock kref_* kcov_*
__kcov_*
"""

# Lists, trees, reference counts, timers, work, wake-ups, and what checks its arguments.
_OTHERS = """
__do_krealloc* qlink_* radix_tree_* __radix_* idr_* ida_* xa_* __xa_* xas_* rb_* __rb_* rb_erase*
rhashtable_* rht_* mas_* mt_* mtree_* del_timer* add_timer* mod_timer* __mod_timer try_to_del_*
timer_delete* timer_shutdown* timer_reduce timer_fixup_* __timer_delete* init_timer*
detach_if_pending detach_timer call_timer_fn expire_timers run_timer_* run_ktimerd hrtimer_active
__do_softirq do_softirq* __local_bh_* local_bh_* invoke_softirq __irq_exit_rcu irq_exit*
handle_softirqs run_ksoftirqd process_one_work process_scheduled_works worker_thread flush_work*
__flush_work* flush_workqueue* __flush_workqueue cancel_work* cancel_delayed_work* __cancel_work*
queue_work* queue_delayed_work* queue_rcu_work __queue_work* __queue_delayed_work* insert_work*
drain_workqueue destroy_workqueue start_flush_work try_to_grab_pending mod_delayed_* task_work_*
get_work_* set_work_* touch_work_* grab_pending* disable_work* __destroy_work* insert_wq_* wake_up*
wake_q_* __wake_up* __wake_q_* try_to_wake_* ttwu_* complete complete_all complete_with_flags
swake_* default_wake_* select_task_* autoremove_* add_wait_* remove_wait_* finish_wait
enqueue_task* enqueue_entity enqueue_hrtimer activate_task do_one_initcall do_initcall*
do_basic_setup usb_submit_urb put_device get_device put_page get_page __put_page __page_*
__netdev_alloc_* napi_alloc_* skb_release_* skb_over_panic skb_under_panic skb_panic skb_put
skb_push skb_pull skb_trim proc_register proc_mkdir* proc_create* __proc_create remove_proc_*
_proc_mkdir __register_sysctl_* register_net_sysctl* *assertfail *fs_write_lock __*_panic *fs_panic
__*_assert rust_helper_* __phys_addr* __virt_to_phys virt_to_* __virt_to_* *phys_addr_symbol
lock_timer_base iput dput fast_dput mark_buffer_dirty sk_stop_timer* __try_to_del_* drop_nlink
inc_nlink set_nlink clear_nlink *_srcu_struct* unlock_page lock_page __lock_page* wait_on_page*
raw_notifier_* notifier_call_* blocking_notifier_* do_vfs_* __vfs_* lockref_* refcount_*
__refcount_* __list_*_valid* __list_*_report __list_add __list_del* list_add* list_del* list_move*
list_splice* __sanitizer_* write_comp_data check_kcov_mode do_raw_spin_* do_raw_read_*
do_raw_write_* __lock_acquire lock_acquire* lock_release* __lock_release lock_is_held* mark_lock*
lock_downgrade hlist_* __hlist_* list_lru_* llist_* sysfs_* internal_create_* device_add device_del
device_register device_unregister check_flush_dependency tasklet_* __tasklet_* rwlock_*
"""

# What calls a system call's or a protocol's own code: of what loops there, the frame that these
# call is the one that stays the same.
_DISPATCHERS = """
sys_ioctl sys_read sys_write sys_readv sys_writev sys_pread* sys_pwrite* sys_connect sys_bind
sys_accept* sys_setsockopt sys_getsockopt sys_sendto sys_sendmsg sys_recvmsg sys_recvfrom sys_close
sys_mmap* sys_openat sys_open vfs_* ksys_* __vfs_* do_vfs_* do_iter_* do_loop_* new_sync_*
call_read_iter call_write_iter do_readv do_writev do_splice* mmap_region __mmap_region call_mmap
sock_* __sock_* do_sock_* netlink_rcv_skb rtnetlink_rcv_msg genl_* nfnetlink_rcv* netlink_dump*
do_dentry_open task_work_run __fput ____fput process_one_work worker_thread kthread __do_softirq
do_softirq handle_softirqs call_timer_fn net_rx_action __netif_receive_* netif_receive_*
process_backlog generic_smp_call_* flush_smp_call_*
"""


def _compiled(names: str) -> re.Pattern[str]:
    whole = [re.escape(name).replace(r"\*", r"[\w.]*") for name in names.split()]
    return re.compile(r"(?:" + "|".join(whole) + r")\Z")


REPORTERS = _compiled(_REPORTERS)
ENTRIES = _compiled(_ENTRIES)
HELPERS = _compiled(_CLOCKS + _STRINGS + _ALLOCATORS + _OTHERS)
DISPATCHERS = _compiled(_DISPATCHERS)
