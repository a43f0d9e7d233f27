// SPDX-License-Identifier: GPL-2.0
/*
 * A user-mode kernel with several CPUs blocks the host's signal for interrupts between
 * CPUs whenever it disables interrupts, and unblocks it afterwards: two system calls for
 * every spin_lock_irqsave(), which are more than half of the time of a debug kernel.
 *
 * This library, preloaded, lets the kernel believe that the signal is blocked. One that
 * arrives meanwhile is noted, and sent again as soon as the kernel unblocks it. Whatever
 * else the kernel does with its signal mask is done as it asks; the signal is then blocked
 * in earnest if it should be, for the kernel may be about to wait for it in a signalfd.
 *
 * All state is of the host's thread, which is a CPU of the kernel. The handler alone, which
 * runs in that thread too, meets the rest, so that fences for the compiler do: "believed"
 * is written first when the kernel blocks, and first again when it unblocks.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#define IPI		SIGRTMIN
#define MAX_CPUS	64
/* In the library's own block: what is allocated on first use is not for a handler. */
#define PER_CPU		__attribute__((tls_model("initial-exec")))
/* What stands before it has been done when the handler runs after it. */
#define handler_fence()	__atomic_signal_fence(__ATOMIC_SEQ_CST)

static __thread int believed PER_CPU;		/* the kernel thinks that IPI is blocked */
static __thread int blocked PER_CPU;		/* it is */
static __thread unsigned int arrived PER_CPU;	/* a bit for each kind that came meanwhile */

static void (*kernel_handlers[_NSIG])(int sig, siginfo_t *info, void *context);

/* The threads that are CPUs, each since its first call here. */
static struct {
	pthread_t	thread;
	pid_t		tid;
} cpus[MAX_CPUS];
static int nr_cpus;
static __thread int known PER_CPU;

static void know_cpu(void)
{
	int cpu;

	known = 1;
	cpu = __atomic_fetch_add(&nr_cpus, 1, __ATOMIC_SEQ_CST);
	if (cpu < MAX_CPUS) {
		cpus[cpu].thread = pthread_self();
		__atomic_store_n(&cpus[cpu].tid, gettid(), __ATOMIC_SEQ_CST);
	}
}

/*
 * The C library's asks the host each time who it is, which does not change. The first call
 * is made when no other CPU runs yet.
 */
int pthread_sigqueue(pthread_t thread, int sig, const union sigval value)
{
	static int (*next)(pthread_t thread, int sig, const union sigval value);
	static siginfo_t who;
	siginfo_t info;
	int cpu;

	if (!next) {
		who.si_pid = getpid();
		who.si_uid = getuid();
		next = dlsym(RTLD_NEXT, "pthread_sigqueue");
	}
	info = who;
	info.si_signo = sig;
	info.si_code = SI_QUEUE;
	info.si_value = value;
	for (cpu = 0; cpu < MAX_CPUS; cpu++) {
		pid_t tid = __atomic_load_n(&cpus[cpu].tid, __ATOMIC_SEQ_CST);

		if (tid && pthread_equal(cpus[cpu].thread, thread))
			return syscall(SYS_rt_tgsigqueueinfo, who.si_pid, tid, sig, &info) ?
				errno : 0;
	}
	return next(thread, sig, value);
}

static void send_again(void)
{
	unsigned int kinds = __atomic_exchange_n(&arrived, 0, __ATOMIC_SEQ_CST);
	int kind;

	for (kind = 0; kinds; kind++, kinds >>= 1) {
		if (kinds & 1)
			pthread_sigqueue(pthread_self(), IPI, (union sigval){ .sival_int = kind });
	}
}

static int is_only_ipi(const sigset_t *set)
{
	return set->__val[0] == 1UL << (IPI - 1);
}

static void unblock_ipi(const sigset_t *set)
{
	believed = 0;
	handler_fence();
	if (blocked) {
		blocked = 0;
		pthread_sigmask(SIG_UNBLOCK, set, NULL);
	}
	if (arrived)
		send_again();
}

int sigprocmask(int how, const sigset_t *set, sigset_t *old)
{
	sigset_t more;
	int ret;

	if (!known)
		know_cpu();
	if (set && !old && is_only_ipi(set) && how != SIG_SETMASK) {
		if (how == SIG_UNBLOCK) {
			unblock_ipi(set);
		} else {
			believed = 1;
			handler_fence();
		}
		return 0;
	}
	if (set && how == SIG_BLOCK && believed) {
		more = *set;
		sigaddset(&more, IPI);
		set = &more;
	}
	/* It is about to unblock this one, too, and that is a call less. */
	if (set && how == SIG_UNBLOCK && blocked && believed) {
		more = *set;
		sigaddset(&more, IPI);
		set = &more;
		blocked = 0;
		handler_fence();
	}
	ret = pthread_sigmask(how, set, old);
	if (set && (how == SIG_SETMASK || (how == SIG_BLOCK && sigismember(set, IPI))))
		blocked = sigismember(set, IPI);
	if (blocked && arrived)
		send_again();
	return ret;
}

/*
 * The handlers of the kernel's interrupts are entered here. When one returns, the host
 * restores the mask of before; what the kernel believes of the mask has to be restored with
 * it: one that comes in the middle of "block, then note that it is blocked" enables
 * interrupts. Faults do not come there, and their handlers may sleep.
 */
static void handler(int sig, siginfo_t *info, void *context)
{
	int was_believed = believed, was_blocked = blocked;

	if (sig == IPI && believed) {
		__atomic_or_fetch(&arrived, 1U << info->si_value.sival_int, __ATOMIC_SEQ_CST);
		return;
	}
	if (sig == IPI)
		blocked = 1;	/* the host has blocked all while this one runs */
	handler_fence();
	kernel_handlers[sig](sig, info, context);
	handler_fence();
	blocked = was_blocked;
	believed = was_believed;
	handler_fence();
	if (arrived && !believed)
		send_again();
}

/* The kernel is told of its own handlers only: it may put one back. */
int sigaction(int sig, const struct sigaction *action, struct sigaction *old)
{
	static int (*next)(int sig, const struct sigaction *action, struct sigaction *old);
	void (*before)(int sig, siginfo_t *info, void *context) = kernel_handlers[sig];
	struct sigaction ours;
	int ret;

	if (!next)
		next = dlsym(RTLD_NEXT, "sigaction");
	if (action && (sig == IPI || sig == SIGALRM || sig == SIGIO || sig == SIGCHLD) &&
	    action->sa_flags & SA_SIGINFO) {
		ours = *action;
		kernel_handlers[sig] = action->sa_sigaction;
		ours.sa_sigaction = handler;
		action = &ours;
	}
	ret = next(sig, action, old);
	if (!ret && old && old->sa_sigaction == handler)
		old->sa_sigaction = before;
	return ret;
}
