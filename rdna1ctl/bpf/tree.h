/* SPDX-License-Identifier: GPL-2.0 */
/* Follows the threads of the command that rdna1ctl started, and of its descendants. */
#include "rows.h"

/* The kernel calls this before the child can run. */
SEC("tracepoint")
int sched_process_fork(void *event)
{
	__u32 thread = bpf_get_current_pid_tgid(), child;
	struct bpf_pidns_info in_namespace;

	if (!is_followed(thread) &&
	    (bpf_get_ns_current_pid_tgid(NAMESPACE_DEVICE, NAMESPACE_INODE, &in_namespace,
					 sizeof(in_namespace)) ||
	     in_namespace.pid != ROOT))
		return 0;
	if (!bpf_probe_read_kernel(&child, sizeof(child), (__u64)event + FORK_CHILD))
		follow(child);
	return 0;
}

/* A thread that calls exec takes over the id of its process's first thread, which has exited. */
SEC("tracepoint")
int sched_process_exec(void *event)
{
	__u32 thread = bpf_get_current_pid_tgid(), old;

	if (bpf_probe_read_kernel(&old, sizeof(old), (__u64)event + EXEC_OLD) || old == thread ||
	    !is_followed(old))
		return 0;
	forget(old);
	follow(thread);
	return 0;
}

/* The kernel can give the id to another thread later. */
SEC("tracepoint")
int sched_process_exit(void *event)
{
	forget(bpf_get_current_pid_tgid());
	return 0;
}
