#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0
#
# files.pl - for 93-drivers.sh: files that have no path, or whose driver wants something
# else first. Each is opened here, adopted by a target, and tried; its name among the
# kernel's lines is printed. They stay open, so that no name comes twice. The argument
# is a word for probes of a timerfd.
# (Numbers of system calls are those of x86-64. No modules: the guest has none.)

my @open;

sub probe {
	my ($what, $words) = @_;
	open(my $param, ">", "/sys/module/io_target_demo/parameters/probe") or die "probe: $!";
	syswrite($param, "$what $words") or die "probe of $what: $!";
}

sub named { # name, handle
	my ($name, $handle) = @_;
	my $what = ref $handle ? "fd=" . fileno($handle) : $handle;
	push @open, $handle;
	printf "%s %s\n", $name, $what;
	return $what;
}

sub handle { # descriptor
	my $fd = shift;
	die "no descriptor: $!" if $fd < 0;
	open(my $handle, "+<&=", $fd) or die "fd $fd: $!";
	return $handle;
}

sub device { # path
	open(my $handle, "+<", $_[0]) or die "$_[0]: $!";
	return $handle;
}

sub control { # handle, command, argument
	ioctl($_[0], $_[1], $_[2]) or die sprintf "ioctl %x: %s", $_[1], $!;
}

sub event_name { # number of an event device
	open(my $file, "<", "/sys/class/input/event$_[0]/device/name") or return "";
	return scalar <$file>;
}

sub readable { # handle
	vec(my $set = "", fileno($_[0]), 1) = 1;
	return select($set, undef, undef, 20);
}

sub packets { # of the interface
	open(my $file, "<", "/sys/class/net/$_[0]/statistics/rx_packets") or die "$_[0]: $!";
	return scalar <$file>;
}

# Quiet, then with a neighbour in that network who is looked for; what is written, by
# its first byte an IPv4 packet, has arrived.
sub network { # kind, interface, flags, network
	my ($kind, $name, $flags, $net) = @_;
	my $file = device("/dev/net/tun");
	control($file, 0x400454ca, pack("a16 S x22", $name, $flags));
	my $what = named($kind, $file);
	probe($what, "read");
	system("ip addr add $net.1/24 dev $name && ip link set $name up") == 0 or die "ip failed";
	system("ping -c 1 -W 1 $net.2 >/dev/null 2>&1");
	my $before = packets($name);
	probe($what, "patient read write=AAAAAAAAAAAAAAAAAAAAAAAA");
	packets($name) == $before + 1 or die "$kind: nothing has arrived";
}

# A line whose other end is here, as it comes.
my $master = device("/dev/ptmx");
my $number = pack("L", 0);
control($master, 0x40045431, $number);
control($master, 0x80045430, $number);
my $line = "/dev/pts/" . unpack("L", $number);
my $held = device($line);
system("stty raw -echo -F $line") == 0 or die "stty failed";
named("pts", $line);
probe($line, "read");
syswrite($master, "hello") == 5 or die "ptmx: $!";
probe($line, "patient read write=world");
my $heard = "";
readable($master) and sysread($master, $heard, 100);
$heard eq "world" or die "ptmx: heard '$heard'";

# One count, then none; who writes needs a pointer of a user's.
my $event = handle(syscall(290, 5, 0));
my $what = named("eventfd", $event);
probe($what, "read read write=AAAAAAAA");
probe($what, "user write=AAAAAAAA");
probe($what, "read");

# Nothing, then one expiry.
my $timer = handle(syscall(283, 1, 0));
$what = named("timerfd", $timer);
probe($what, "$ARGV[0] read write=AAAAAAAA");
my $when = pack("q4", 0, 0, 0, 1_000_000);
syscall(286, fileno($timer), 0, $when, 0) == 0 or die "timerfd_settime: $!";
readable($timer) or die "timerfd: does not expire";
probe($what, "$ARGV[0] read");

pipe(my $out, my $in) or die "pipe: $!";
my $outlet = named("pipe-out", $out);
probe(named("pipe-in", $in), "write=hello");
probe($outlet, "ioctl=541b:4 read read");

network("tun", "iot1", 0x1001, "10.99.8");
network("tap", "iot0", 0x1002, "10.99.9");

# A driver that knows its opener by his credentials: who has opened it, and passes on what
# he does himself, in his own task, is no other. An INQUIRY, without a pointer in it.
my $config = "/sys/kernel/config/io_target/sg";
mkdir($config) or die "$config: $!";
for my $setting ("path=/dev/sg0", "exclusive=0", "enable=1") {
	my ($name, $value) = split("=", $setting);
	open(my $file, ">", "$config/$name") or die "$config/$name: $!";
	syswrite($file, $value) or die "$config/$setting: $!";
}
my $generic = device("/dev/iot-sg");
my $ask = pack("l4 L x16 C6", 42, 36 + 96, 1, 0, 0, 0x12, 0, 0, 0, 96, 0);
syswrite($generic, $ask) == length($ask) or die "sg: $!";
sysread($generic, my $reply, 36 + 96) == 36 + 96 or die "sg: $!";
printf "inquiry %s\n", unpack("x36 x8 A24", $reply);
close($generic);

# 64 interrupts a second.
my $clock = device("/dev/rtc0");
control($clock, 0x4008700c, 64);
control($clock, 0x7005, 0);
probe(named("rtc", $clock), "user patient read");
control($clock, 0x7006, 0);

# A keyboard with one key, which somebody presses while it is read.
my $keys = device("/dev/uinput");
control($keys, 0x40045564, 1);
control($keys, 0x40045565, 30);
my $about = pack("a80 S4 L l256", "iot", 6, 1, 1, 1, 0, (0) x 256);
syswrite($keys, $about) == length($about) or die "uinput: $!";
control($keys, 0x5501, 0);
my ($node) = map { "/dev/input/event$_" } grep { event_name($_) eq "iot\n" } 0 .. 31;
die "no event device" unless $node;
named("evdev", $node);
probe($node, "user read write=A ioctl=80044501:4");
my $hand = fork();
if ($hand == 0) {
	for (my $down = 1;; $down ^= 1) {
		syswrite($keys, pack("q2 S2 l", 0, 0, 1, 30, $down) . pack("q2 S2 l", 0, 0, 0, 0, 0));
		select(undef, undef, undef, 0.02);
	}
}
probe($node, "user patient read");
kill "KILL", $hand;
waitpid($hand, 0);
