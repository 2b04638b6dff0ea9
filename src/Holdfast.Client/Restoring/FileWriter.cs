using System.Text;
using System.Threading.Channels;
using Holdfast.Format.Blobs;
using Holdfast.Posix;
using Holdfast.Protocol.Failures;

namespace Holdfast.Client.Restoring;

/// <summary>Writes files: every chunk is proved by its id before it is written, holes stay holes, metadata comes last.</summary>
internal sealed class FileWriter(TreeReader tree, BlobReader blobs, RestoreProgress progress)
{
    public async Task RunAsync(ChannelReader<FileToWrite> files, CancellationToken cancellation)
    {
        await foreach (var file in files.ReadAllAsync(cancellation))
        {
            var written = false;
            try
            {
                await WriteAsync(file, cancellation);
                written = true;
            }
            catch (PosixException exception) when (exception.IsFull)
            {
                throw new HoldfastException(FailureTable.LocalDiskFull, exception.Message, exception);
            }
            catch (PosixException exception)
            {
                progress.Trouble(PathOf(file), exception.Message);
            }
            catch (HoldfastException exception) when (BlobReader.IsDamage(exception))
            {
                progress.Trouble(PathOf(file), exception.Message);
            }
            finally
            {
                file.Done.TrySetResult(written);
                file.Directory.Dispose();
            }
        }
    }

    private async Task WriteAsync(FileToWrite file, CancellationToken cancellation)
    {
        var path = PathOf(file);
        var entry = file.Entry;
        using var handle = RestoreTarget.CreateFile(file.Directory.Handle, entry.Name);
        long offset = 0;
        var endsInHole = false;
        await foreach (var item in tree.ContentAsync(entry, cancellation))
        {
            endsInHole = item.Id is null;
            if (item.Id is { } id)
            {
                var position = offset;
                await blobs.UseAsync(id, BlobType.Data, bytes => PosixFile.Write(handle, bytes, position, path), cancellation);
            }

            if (item.Length > (ulong)(long.MaxValue - offset))
            {
                throw new HoldfastException(FailureTable.DamagedObject, "it is longer than a file can be");
            }

            offset += (long)item.Length;
            progress.Written((long)item.Length);
        }

        if (endsInHole)
        {
            PosixFile.Truncate(handle, offset, path);
        }

        if (offset != (long)entry.Size)
        {
            throw new HoldfastException(FailureTable.DamagedObject, $"its chunks have {offset} bytes, its entry says {entry.Size}");
        }

        RestoreTarget.Complete(handle, entry, await tree.AttributesAsync(entry, cancellation), path, why => progress.Trouble(path, why));
        progress.File();
    }

    private static string PathOf(FileToWrite file) => file.Directory.Path + "/" + Encoding.UTF8.GetString(file.Entry.Name);
}
