#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0
#
# hog.pl MIB ROUNDS ENOUGH - write to each page of so much memory, over and over, and see that
# it has what was written the time before, until the file ENOUGH is there. ROUNDS gets how often.
# There are no modules here, not even strict.

my ($mib, $rounds, $enough) = @ARGV;
my $pages = $mib << 8;
my $memory = '';
vec($memory, ($pages << 12) - 1, 8) = 0;

for (my $round = 1; !-e $enough; $round++) {
	for my $page (0 .. $pages - 1) {
		my $has = substr $memory, $page << 12, 16;
		die "page $page of $pages, round $round: other data\n"
			if $round > 1 && $has ne pack 'QQ', $page, $round - 1;
		substr $memory, $page << 12, 16, pack 'QQ', $page, $round;
	}
	open my $file, '>', "$rounds.new" or die "$rounds: $!\n";
	print $file "$round\n";
	close $file;
	rename "$rounds.new", $rounds;
}
