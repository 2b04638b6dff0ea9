/* Disks with a volatile write cache: what was not flushed is lost, or torn, when the power is cut.
 *
 *   volatile-disks COUNT MIB FOLDER MOUNTPOINT
 *
 * serves COUNT files disk0, disk1, … of MIB mebibytes through FUSE, and a file control. Loop devices on the disks carry real file systems. What is durable lies in
 * FOLDER/diskN. Commands, one a write to control:
 *   cut SEED KEEP TEAR    every disk stops; of what was not flushed each TEAR bytes (512 or 4096) survive with a chance of KEEP percent
 *   up                    the power is back
 *   dead DISK             one disk fails every call
 *   slow DISK MS          one disk answers late
 *   spin DISK MS MB       one disk has an arm, for measuring: a read elsewhere than behind the last one, and a flush, take so long; MB pass under it in a second; nothing is lost
 *   lie DISK              one disk acknowledges flushes that it does not do
 *   honest                all disks answer in time and flush again
 */
#define FUSE_USE_VERSION 31
#include <errno.h>
#include <fcntl.h>
#include <fuse.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FLUSH = -1, PAGE = 4096, SECTOR = 512, SECTORS = PAGE / SECTOR, DISKS_MAX = 32 };

struct page {
  uint64_t number;
  uint8_t written; /* a bit for each sector that is not durable yet */
  struct page *next;
  uint8_t bytes[PAGE];
};

struct disk {
  int durable, is_off, lies, delay_ms, seek_ms, mb_per_second;
  off_t arm; /* where the last read ended */
  size_t unflushed; /* bytes in the cache of a disk with an arm */
  pthread_mutex_t turn; /* an arm does one thing at a time */
  struct page **pages; /* by number */
  struct page *dirty;
  pthread_mutex_t lock;
};

static struct disk disks[DISKS_MAX];
static int count;
static uint64_t length;
static uint64_t state;

static uint32_t draw(void) { /* SplitMix64 */
  uint64_t z = (state += 0x9E3779B97F4A7C15ULL);
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
  return (uint32_t)((z ^ (z >> 31)) >> 32);
}

static struct disk *disk_of(const char *path) {
  int number;
  char rest;
  return sscanf(path, "/disk%d%c", &number, &rest) == 1 && number >= 0 && number < count ? &disks[number] : NULL;
}

/* Makes unflushed sectors durable; those that chance takes are gone. */
static void settle(struct disk *disk, int keep_percent, int tear) {
  while (disk->dirty) {
    struct page *page = disk->dirty;
    int unit = tear / SECTOR;
    if (keep_percent == 100 && page->written == 0xff) {
      if (pwrite(disk->durable, page->bytes, PAGE, page->number * PAGE) != PAGE) abort();
      page->written = 0;
    }
    for (int first = 0; first < SECTORS; first += unit) {
      if (keep_percent < 100 && draw() % 100 >= (uint32_t)keep_percent) continue;
      for (int sector = first; sector < first + unit; sector++)
        if (page->written >> sector & 1)
          if (pwrite(disk->durable, page->bytes + sector * SECTOR, SECTOR, page->number * PAGE + sector * SECTOR) != SECTOR) abort();
    }
    disk->dirty = page->next;
    disk->pages[page->number] = NULL;
    free(page);
  }
}

/* As long as a request takes where there is an arm. Writes go to the disk's own cache; a flush of it moves the arm. */
static void wait_for_arm(struct disk *disk, off_t offset, size_t size) {
  if (disk->delay_ms) usleep(disk->delay_ms * 1000);
  if (!disk->seek_ms) return;
  pthread_mutex_lock(&disk->turn);
  usleep((offset == disk->arm && offset != FLUSH ? 0 : disk->seek_ms * 1000) + size / disk->mb_per_second);
  disk->arm = offset + size;
  pthread_mutex_unlock(&disk->turn);
}

static int get_attributes(const char *path, struct stat *status, struct fuse_file_info *info) {
  (void)info;
  memset(status, 0, sizeof *status);
  if (strcmp(path, "/") == 0) {
    status->st_mode = S_IFDIR | 0755;
    status->st_nlink = 2;
    return 0;
  }
  int is_disk = disk_of(path) != NULL;
  if (!is_disk && strcmp(path, "/control") != 0) return -ENOENT;
  status->st_mode = S_IFREG | 0600;
  status->st_nlink = 1;
  status->st_size = is_disk ? (off_t)length : 0;
  return 0;
}

static int list(const char *path, void *buffer, fuse_fill_dir_t fill, off_t offset, struct fuse_file_info *info, enum fuse_readdir_flags flags) {
  (void)path, (void)offset, (void)info, (void)flags;
  char name[16];
  fill(buffer, "control", NULL, 0, 0);
  for (int number = 0; number < count; number++) {
    snprintf(name, sizeof name, "disk%d", number);
    fill(buffer, name, NULL, 0, 0);
  }
  return 0;
}

static int open_file(const char *path, struct fuse_file_info *info) {
  info->direct_io = 1;
  return disk_of(path) || strcmp(path, "/control") == 0 ? 0 : -ENOENT;
}

static int set_length(const char *path, off_t size, struct fuse_file_info *info) {
  (void)path, (void)size, (void)info;
  return 0;
}

static int read_disk(const char *path, char *buffer, size_t size, off_t offset, struct fuse_file_info *info) {
  (void)info;
  struct disk *disk = disk_of(path);
  if (!disk || (uint64_t)offset >= length) return 0;
  if (offset + size > length) size = length - offset;
  wait_for_arm(disk, offset, size);
  pthread_mutex_lock(&disk->lock);
  int result = disk->is_off ? -EIO : (int)pread(disk->durable, buffer, size, offset);
  for (uint64_t at = offset; result > 0 && at < offset + size;) {
    struct page *page = disk->pages[at / PAGE];
    uint64_t end = (at / SECTOR + 1) * SECTOR < offset + size ? (at / SECTOR + 1) * SECTOR : offset + size;
    if (page && page->written >> (at % PAGE / SECTOR) & 1) memcpy(buffer + (at - offset), page->bytes + at % PAGE, end - at);
    at = end;
  }
  pthread_mutex_unlock(&disk->lock);
  return result;
}

static int command(char *text) {
  unsigned long seed;
  int number, value, tear;
  if (sscanf(text, "cut %lu %d %d", &seed, &value, &tear) == 3 && (tear == SECTOR || tear == PAGE)) {
    for (int i = 0; i < count; i++) { /* all stop before any decides what survived */
      pthread_mutex_lock(&disks[i].lock);
      disks[i].is_off = 1;
      pthread_mutex_unlock(&disks[i].lock);
    }
    state = seed;
    for (int i = 0; i < count; i++) settle(&disks[i], value < 100 ? value : 99, tear);
  } else if (sscanf(text, "slow %d %d", &number, &value) == 2 && number < count) {
    disks[number].delay_ms = value;
  } else if (sscanf(text, "spin %d %d %d", &number, &value, &tear) == 3 && number < count && tear > 0) {
    disks[number].seek_ms = value;
    disks[number].mb_per_second = tear;
  } else if (sscanf(text, "dead %d", &number) == 1 && number < count) {
    disks[number].is_off = 1;
  } else if (sscanf(text, "lie %d", &number) == 1 && number < count) {
    disks[number].lies = 1;
  } else if (strncmp(text, "up", 2) == 0) {
    for (int i = 0; i < count; i++) disks[i].is_off = 0;
  } else if (strncmp(text, "honest", 6) == 0) {
    for (int i = 0; i < count; i++) disks[i].lies = disks[i].delay_ms = disks[i].seek_ms = 0;
  } else {
    return -EINVAL;
  }
  return 0;
}

static int write_disk(const char *path, const char *buffer, size_t size, off_t offset, struct fuse_file_info *info) {
  (void)info;
  if (strcmp(path, "/control") == 0) {
    char text[128];
    snprintf(text, sizeof text, "%.*s", (int)size, buffer);
    int result = command(text);
    return result < 0 ? result : (int)size;
  }
  struct disk *disk = disk_of(path);
  if (!disk || offset + size > length) return -ENOSPC;
  if (offset % SECTOR || size % SECTOR) return -EINVAL;
  if (disk->delay_ms) usleep(disk->delay_ms * 1000);
  pthread_mutex_lock(&disk->lock);
  int result = disk->is_off ? -EIO : disk->seek_ms ? (int)pwrite(disk->durable, buffer, size, offset) : (int)size;
  if (disk->seek_ms) disk->unflushed += size;
  for (size_t done = 0; result > 0 && !disk->seek_ms && done < size; done += SECTOR) {
    uint64_t number = (offset + done) / PAGE, within = (offset + done) % PAGE;
    struct page *page = disk->pages[number];
    if (!page) {
      page = calloc(1, sizeof *page);
      if (!page) abort();
      page->number = number;
      page->next = disk->dirty;
      disk->dirty = disk->pages[number] = page;
    }
    memcpy(page->bytes + within, buffer + done, SECTOR);
    page->written |= 1 << (within / SECTOR);
  }
  pthread_mutex_unlock(&disk->lock);
  return result;
}

static int flush_disk(const char *path, int only_data, struct fuse_file_info *info) {
  (void)only_data, (void)info;
  struct disk *disk = disk_of(path);
  if (!disk) return 0;
  pthread_mutex_lock(&disk->lock);
  size_t unflushed = disk->unflushed;
  disk->unflushed = 0;
  pthread_mutex_unlock(&disk->lock);
  if (unflushed || disk->delay_ms) wait_for_arm(disk, FLUSH, unflushed);
  pthread_mutex_lock(&disk->lock);
  int result = disk->is_off ? -EIO : 0;
  if (!result && !disk->lies) settle(disk, 100, PAGE);
  pthread_mutex_unlock(&disk->lock);
  return result;
}

static void *start(struct fuse_conn_info *connection, struct fuse_config *config) {
  connection->max_write = 1 << 20;
  config->kernel_cache = 0;
  return NULL;
}

static const struct fuse_operations operations = {.init = start, .getattr = get_attributes, .readdir = list, .open = open_file, .truncate = set_length, .read = read_disk, .write = write_disk, .fsync = flush_disk};

int main(int arguments, char **argument) {
  if (arguments != 5 || (count = atoi(argument[1])) < 1 || count > DISKS_MAX) {
    fprintf(stderr, "volatile-disks COUNT MIB FOLDER MOUNTPOINT\n");
    return 2;
  }
  length = strtoull(argument[2], NULL, 10) << 20;
  for (int number = 0; number < count; number++) {
    char path[4096];
    snprintf(path, sizeof path, "%s/disk%d", argument[3], number);
    disks[number].durable = open(path, O_RDWR | O_CREAT, 0600);
    disks[number].pages = calloc(length / PAGE, sizeof(struct page *));
    pthread_mutex_init(&disks[number].lock, NULL);
    pthread_mutex_init(&disks[number].turn, NULL);
    if (disks[number].durable < 0 || ftruncate(disks[number].durable, length) || !disks[number].pages) {
      perror(path);
      return 1;
    }
  }
  /* Each disk may have several requests that wait. */
  char *fuse_arguments[] = {argument[0], argument[4], "-f", "-o", "max_threads=128,max_idle_threads=128", NULL};
  return fuse_main(5, fuse_arguments, &operations, NULL);
}
