// SPDX-License-Identifier: GPL-2.0
/*
 * A module in C that says hello, in the kernel log and in debugfs. modproof.toml
 * beside it describes what modproof expects of it.
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/debugfs.h>
#include <linux/module.h>
#include <linux/seq_file.h>

static char *greeting = "hello";
module_param(greeting, charp, 0444);
MODULE_PARM_DESC(greeting, "what to say");

static struct dentry *folder;

static int greeting_show(struct seq_file *file, void *unused)
{
	seq_printf(file, "%s\n", greeting);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(greeting);

static int __init hello_init(void)
{
	folder = debugfs_create_dir(KBUILD_MODNAME, NULL);
	debugfs_create_file("greeting", 0444, folder, NULL, &greeting_fops);
	pr_info("saying %s\n", greeting);
	return 0;
}
module_init(hello_init);

static void __exit hello_exit(void)
{
	debugfs_remove(folder);
	pr_info("gone\n");
}
module_exit(hello_exit);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Says hello, for tests of modproof");
