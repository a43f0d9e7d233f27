// SPDX-License-Identifier: GPL-2.0
/*
 * ioctls 32|64 PATH NUMBER... - what a device answers to a program of that many bits.
 *
 * Each ioctl, its number in hexadecimal, has a pointer to memory that was full of UNTOUCHED:
 *
 *	541e = 0: 04000000...		(what it has returned, what it has filled in)
 *
 * There is no C library in it, which would make it a thousand times as large, and a
 * 64-bit program need not be a 32-bit one to ask as one: int $0x80 is their system call.
 * Its pointers have 32 bits, so that the memory, as all of the program, lies low: -no-pie.
 */
#define UNTOUCHED	0xa5
#define BYTES		256

#define O_RDONLY	0
#define O_NONBLOCK	04000

#define NR_WRITE	1
#define NR_OPEN		2
#define NR_IOCTL	16
#define NR_EXIT		60
#define NR_IOCTL_32	54

static unsigned char memory[BYTES];
static char line[64 + 2 * BYTES];

static long call(long nr, long a, long b, long c)
{
	long ret;

	asm volatile("syscall" : "=a" (ret) : "0" (nr), "D" (a), "S" (b), "d" (c)
		     : "rcx", "r11", "memory");
	return ret;
}

static int call_32(int nr, int a, unsigned int b, unsigned int c)
{
	int ret;

	asm volatile("int $0x80" : "=a" (ret) : "0" (nr), "b" (a), "c" (b), "d" (c)
		     : "r8", "r9", "r10", "r11", "memory");
	return ret;
}

static unsigned int parse(const char *text)
{
	unsigned int value = 0;

	for (; *text; text++)
		value = value << 4 | (*text > '9' ? *text - 'a' + 10 : *text - '0');
	return value;
}

static char *put_text(char *to, const char *text)
{
	while (*text)
		*to++ = *text++;
	return to;
}

static char *put_number(char *to, int value)
{
	char digits[12] = "";
	int at = sizeof(digits) - 1;
	unsigned int left = value < 0 ? -value : value;

	do
		digits[--at] = '0' + left % 10;
	while (left /= 10);
	if (value < 0)
		digits[--at] = '-';
	return put_text(to, digits + at);
}

static char *put_touched(char *to)
{
	int i, end = BYTES;

	while (end && memory[end - 1] == UNTOUCHED)
		end--;
	for (i = 0; i < end; i++) {
		*to++ = "0123456789abcdef"[memory[i] >> 4];
		*to++ = "0123456789abcdef"[memory[i] & 15];
	}
	return to;
}

static void ask(int bits, int fd, const char *number)
{
	unsigned int cmd = parse(number);
	char *end = line;
	int i, ret;

	for (i = 0; i < BYTES; i++)
		memory[i] = UNTOUCHED;
	if (bits == 32)
		ret = call_32(NR_IOCTL_32, fd, cmd, (unsigned long)memory);
	else
		ret = call(NR_IOCTL, fd, cmd, (long)memory);
	end = put_number(put_text(put_text(end, number), " = "), ret);
	end = put_touched(put_text(end, ": "));
	*end++ = '\n';
	call(NR_WRITE, 1, (long)line, end - line);
}

static int run(int argc, char **argv)
{
	int i, fd;

	if (argc < 4)
		return 2;
	fd = call(NR_OPEN, (long)argv[2], O_RDONLY | O_NONBLOCK, 0);
	if (fd < 0)
		return 1;
	for (i = 3; i < argc; i++)
		ask(argv[1][0] == '3' ? 32 : 64, fd, argv[i]);
	return 0;
}

/* What the kernel leaves on the stack: the count, then the words. */
void begin(long *stack)
{
	call(NR_EXIT, run(stack[0], (char **)(stack + 1)), 0, 0);
}

asm(".globl _start; _start: mov %rsp, %rdi; and $-16, %rsp; call begin");
