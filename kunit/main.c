// SPDX-License-Identifier: GPL-2.0
/*
 * io_target_kunit.ko: the suites io_target_<area>, one file <area>_kunit.c each.
 *
 * There is no module_init here: on 6.1 the suites run before it. What a suite
 * needs, its suite_init or init makes.
 */
#include <linux/module.h>

MODULE_AUTHOR("The io_target developers");
MODULE_DESCRIPTION("KUnit tests of io_target");
MODULE_LICENSE("GPL");
