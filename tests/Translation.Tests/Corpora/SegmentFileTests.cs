using System.Diagnostics;
using System.IO.Compression;
using System.Text;
using Workflows.TestKit;
using Workflows.Translation.Corpora;

namespace Workflows.Translation.Tests.Corpora;

/// <summary>Inputs of the scores: lines as sacreBLEU's, files of every size and kind.</summary>
public sealed class SegmentFileTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    [Theory]
    [InlineData("", 0)]
    [InlineData("\n", 1)]
    [InlineData("a", 1)]
    [InlineData("a \n\nb\t", 3)]
    [InlineData("a\rb\u2028c\n", 1)]
    public void Read_LinesOfEveryForm_AreSplitAtLineFeedsAlone(string content, int lines)
    {
        var read = SegmentFile.Read(_folder.Write("a.txt", content));

        Assert.Equal(lines, read.Count);
        Assert.All(read, line => Assert.Equal(line.TrimEnd(), line));
    }

    [Fact]
    public void Read_LinesAcrossBuffers_AreWhole()
    {
        var lines = Enumerable.Range(0, 40_000).Select(i => $"문장 {new string('x', i % 97)}{i}").ToList();

        Assert.Equal(lines, SegmentFile.Read(_folder.WriteLines("a.txt", lines)));
    }

    [Fact]
    public void Read_OneLineWithoutEnd_IsRefusedWithItsNumberAndTheLimit()
    {
        var fault = Refused("a.txt.gz", gzip =>
        {
            gzip.Write("first\n"u8);
            WriteMany(gzip, new byte[1 << 20], 3000);
        });

        Assert.Contains(
            $"line 2: it has a line of more than {SegmentFile.MostLineBytes:N0} bytes", fault.Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Read_GzipThatGrows_IsRefusedWithTheLimit()
    {
        var lines = Encoding.UTF8.GetBytes(string.Concat(Enumerable.Repeat($"{new string('x', 999)}\n", 1000)));

        var fault = Refused("a.txt.gz", gzip => WriteMany(gzip, lines, 400));

        Assert.Contains(
            $"more than {SegmentFile.MostBytes:N0} bytes, unpacked", fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Read_MillionsOfLines_AreRefusedWithTheLimit()
    {
        var breaks = Enumerable.Repeat((byte)'\n', 1 << 20).ToArray();

        var fault = Refused("a.txt.gz", gzip => WriteMany(gzip, breaks, 8));

        Assert.Contains($"more than {SegmentFile.MostLines:N0} lines", fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Read_DevicePipeOrFolder_IsRefusedUnopened()
    {
        Skipped.Unless(OperatingSystem.IsLinux(), "Devices are told from files on Linux alone.");
        using (var made = Process.Start("mkfifo", _folder["pipe"]))
        {
            made.WaitForExit();
        }

        foreach (var (path, words) in ((string, string)[])
            [("/dev/zero", "not a regular file"), (_folder["pipe"], "not a regular file"), (_folder.Path, "a folder")])
        {
            var fault = Assert.Throws<CorpusException>(() => SegmentFile.Read(path));

            Assert.Equal((CorpusError.FileUnreadable, path), (fault.Error, fault.File));
            Assert.Contains(words, fault.Message, StringComparison.Ordinal);
        }
    }

    public void Dispose() => _folder.Dispose();

    private static void WriteMany(Stream stream, byte[] piece, int times)
    {
        for (var time = 0; time < times; time++)
        {
            stream.Write(piece);
        }
    }

    /// <summary>Reads a packed file that must be refused before it fills the memory.</summary>
    private CorpusException Refused(string name, Action<Stream> write)
    {
        using (var file = File.Create(_folder[name]))
        using (var gzip = new GZipStream(file, CompressionLevel.Fastest))
        {
            write(gzip);
        }

        var before = GC.GetAllocatedBytesForCurrentThread();
        var fault = Assert.Throws<CorpusException>(() => SegmentFile.Read(_folder[name]));

        Assert.Equal((CorpusError.TooLarge, "CORPUS_TOO_LARGE"), (fault.Error, fault.ErrorCode));
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 3 * SegmentFile.MostBytes);
        return fault;
    }
}
