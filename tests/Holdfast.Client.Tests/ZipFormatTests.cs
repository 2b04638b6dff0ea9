using System.Diagnostics;
using Holdfast.Client.Archiving;
using Holdfast.Format.Trees;

namespace Holdfast.Client.Tests;

/// <summary>ZIP64, read by another implementation.</summary>
public sealed class ZipFormatTests
{
    private const long LongLength = 5L << 30;

    [Fact]
    public async Task Files_offsets_and_counts_beyond_those_of_a_plain_zip_are_read_by_others()
    {
        var cancellation = TestContext.Current.CancellationToken;
        var path = Path.Combine(Path.GetTempPath(), $"holdfast-zip-{Guid.NewGuid():N}");
        try
        {
            await using (var file = new FileStream(path, FileMode.CreateNew))
            await using (var directory = new FileStream(path + ".directory", FileMode.CreateNew, FileAccess.ReadWrite, FileShare.None, 1 << 16, FileOptions.DeleteOnClose))
            {
                var zip = new ZipFormat(new SparseStream(file), directory);
                await AddAsync(zip, "long", new byte[1 << 20], LongLength, cancellation);
                for (var i = 0; i < 70_000; i++)
                {
                    await AddAsync(zip, $"small/{i}", [(byte)i], 1, cancellation);
                }

                await zip.FinishAsync(cancellation);
                Assert.Equal(zip.Written, file.Position);
            }

            using var python = Process.Start(new ProcessStartInfo("python3", ["-c",
                """
                import sys, zipfile
                z = zipfile.ZipFile(sys.argv[1])
                print(len(z.namelist()), z.getinfo("long").file_size, all(z.read(f"small/{i}") == bytes([i & 255]) for i in (0, 1, 69_999)), z.open("long").read(10).hex(), "%o" % (z.getinfo("small/7").external_attr >> 16))
                """, path]) { RedirectStandardOutput = true })!;
            Assert.Equal($"70001 {LongLength} True {new string('0', 20)} 100644\n", await python.StandardOutput.ReadToEndAsync(cancellation));
            await python.WaitForExitAsync(cancellation);
        }
        finally
        {
            File.Delete(path);
        }
    }

    private static async Task AddAsync(ZipFormat zip, string name, byte[] piece, long length, CancellationToken cancellation)
    {
        var entry = new TreeEntry { Name = System.Text.Encoding.UTF8.GetBytes(Path.GetFileName(name)), Type = EntryType.File, Mode = 0x1A4, Owner = 0, Group = 0, ModifiedSeconds = 1_600_000_000, ModifiedNanoseconds = 0, Size = (ulong)length };
        Assert.Null(await zip.BeginAsync(new ArchiveEntry(System.Text.Encoding.UTF8.GetBytes(name), entry, []), cancellation));
        for (var left = length; left > 0; left -= piece.Length)
        {
            await zip.WriteAsync(piece, cancellation);
        }

        await zip.EndAsync(cancellation);
    }

    /// <summary>Long zeros become holes, so that gigabytes take no room.</summary>
    private sealed class SparseStream(FileStream file) : Stream
    {
        public override bool CanRead => false;

        public override bool CanSeek => false;

        public override bool CanWrite => true;

        public override long Length => file.Length;

        public override long Position { get => file.Position; set => throw new NotSupportedException(); }

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
        {
            if (buffer.Length > 1 << 16 && !buffer.Span.ContainsAnyExcept((byte)0))
            {
                file.Seek(buffer.Length, SeekOrigin.Current);
                return;
            }

            await file.WriteAsync(buffer, cancellationToken);
        }

        public override void Flush() => file.Flush();

        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();
    }
}
