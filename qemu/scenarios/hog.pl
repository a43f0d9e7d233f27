#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0
#
# hog.pl MIB DONE ENOUGH - write to each page of so much memory, over and over, and see that
# it has what was written the time before, until the file ENOUGH is there. The file DONE gets how
# many MiB that were, in all. There are no modules here, not even strict.

my ($mib, $done, $enough) = @ARGV;
my $pages = $mib << 8;
my $memory = '';
vec($memory, ($pages << 12) - 1, 8) = 0;

sub tell_done {
	open my $file, '>', "$done.new" or die "$done: $!\n";
	print $file "$_[0]\n";
	close $file;
	rename "$done.new", $done;
}

for (my ($round, $page) = (1, 0); !-e $enough; $round++, $page = 0) {
	for (; $page < $pages; $page++) {
		my $has = substr $memory, $page << 12, 16;
		die "page $page of $pages, round $round: other data\n"
			if $round > 1 && $has ne pack 'QQ', $page, $round - 1;
		substr $memory, $page << 12, 16, pack 'QQ', $page, $round;
		next if $page % 1024;
		tell_done(($round - 1) * $mib + ($page >> 8));
		last if -e $enough;
	}
}
