using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using Workflows.TestKit;

namespace Workflows.Artifacts.Tests;

/// <summary>
/// Folders as they should not be: links, loops, pipes, files in the way.
/// </summary>
public sealed partial class FileStoreRubbishTests : IDisposable
{
    private readonly TemporaryFolder _folder = new("artifacts-");
    private readonly FileArtifactStore _store = new();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task List_LinksThatLoop_GivesEachFileOnce()
    {
        _folder.Write("a.txt", "content of a");
        Directory.CreateDirectory(_folder["d"]);
        _folder.Write("d/b.txt", "y");
        foreach (var name in (string[])["d/one", "d/two", "d/three"])
        {
            Directory.CreateSymbolicLink(_folder[name], _folder.Path);
        }

        File.CreateSymbolicLink(_folder["d/link.txt"], _folder["a.txt"]);

        Assert.Equal(["a.txt", "d/b.txt", "d/link.txt"], await NamesAsync());
        var (tree, _) = await new ArtifactTree(_store).WriteByContentAsync(
            ArtifactUri.OfFile(_folder["out"]), _folder["d"], _ => true, Cancellation);
        Assert.Equal(
            ["b.txt", "link.txt"], (await new ArtifactTree(_store).FindAsync(tree, Cancellation))!.Files.Keys);
        await new ArtifactTree(_store).ReadAsync(tree, _folder["copy"], Cancellation);
        Assert.Equal("content of a", File.ReadAllText(_folder["copy/link.txt"]));
        Assert.Equal(
            "content of a".Length,
            (await _store.FindAsync(ArtifactUri.OfFile(_folder["d/link.txt"]), Cancellation))!.Bytes);
    }

    /// <summary>A pipe has no end, a device no bytes of its own, a link to nothing no file.</summary>
    [Theory]
    [InlineData("pipe")]
    [InlineData("/dev/zero")]
    [InlineData("/dev/null")]
    [InlineData("folder")]
    [InlineData("dangling")]
    [InlineData("loop")]
    [InlineData("file/inside")]
    public async Task Read_WhatIsNoFile_IsAFaultAtOnce(string kind)
    {
        var path = _folder["x"];
        switch (kind)
        {
            case "pipe":
                Assert.Equal(0, MakePipe(path, 0x180));
                break;
            case "folder":
                Directory.CreateDirectory(path);
                break;
            case "dangling":
                File.CreateSymbolicLink(path, _folder["gone"]);
                break;
            case "loop":
                File.CreateSymbolicLink(path, path);
                break;
            case "file/inside":
                path = Path.Combine(_folder.Write("x", "y"), "inside");
                break;
            default:
                File.CreateSymbolicLink(path, kind);
                break;
        }

        var uri = ArtifactUri.OfFile(path);
        var read = Task.Run(() => _store.ReadAsync(uri, ByteRange.Whole, Stream.Null, Cancellation));

        Assert.Same(read, await Task.WhenAny(read, Task.Delay(TimeSpan.FromMinutes(2), Cancellation)));
        var fault = await Assert.ThrowsAsync<ArtifactException>(() => read);
        Assert.Contains("x", fault.Address, StringComparison.Ordinal);
        Assert.Null(await _store.FindAsync(uri, Cancellation));
    }

    [Theory]
    [InlineData("folder in the place of the file")]
    [InlineData("file in the place of a folder")]
    [InlineData("folder with files in the place of the file")]
    public async Task Write_SomethingInTheWay_IsAFaultAndLeavesNothing(string what)
    {
        var path = _folder["x"];
        if (what.StartsWith("folder", StringComparison.Ordinal))
        {
            Directory.CreateDirectory(path);
        }
        else
        {
            path = Path.Combine(_folder.Write("x", "old"), "y", "z");
        }

        if (what.Contains("with files", StringComparison.Ordinal))
        {
            _folder.Write("x/inside", "old");
        }

        var before = Directory.GetFileSystemEntries(_folder.Path, "*", SearchOption.AllDirectories).Order().ToList();

        await Assert.ThrowsAsync<ArtifactException>(() => _store.WriteBytesAsync(
            ArtifactUri.OfFile(path), [1, 2], WriteCondition.None, Cancellation));

        Assert.Equal(
            before, Directory.GetFileSystemEntries(_folder.Path, "*", SearchOption.AllDirectories).Order());
    }

    /// <summary>A source that breaks off after any number of bytes leaves the old file whole.</summary>
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(1 << 20)]
    [InlineData((1 << 20) + 7)]
    public async Task Write_SourceThatBreaksOff_KeepsTheOldFile(int bytes)
    {
        var uri = ArtifactUri.OfFile(_folder.Write("x", "old"));

        await Assert.ThrowsAsync<ArtifactException>(() => _store.WriteAsync(
            uri, new BreakingStream(bytes), WriteCondition.None, Cancellation));

        Assert.Equal("old", File.ReadAllText(_folder["x"]));
        Assert.Equal(["x"], await NamesAsync());
        Assert.Single(Directory.GetFiles(_folder.Path));
    }

    /// <summary>Random writes, deletes and conditions against a dictionary of bytes and generations.</summary>
    [Fact]
    public async Task Calls_OfAnyKind_AreTheDictionary() => await Seeds.TryAsync(6, async random =>
    {
        using var folder = new TemporaryFolder("artifacts-");
        var model = new SortedDictionary<string, (byte[] Bytes, long Generation)>(StringComparer.Ordinal);
        string[] names = ["a", "b/c", "b/d/e", "한 글", "b.writin"];
        for (var step = 0; step < 60; step++)
        {
            var name = names[random.Next(names.Length)];
            var uri = ArtifactUri.OfFile(folder.Path).Child(name);
            var isThere = model.TryGetValue(name, out var old);
            var wanted = random.Next(3) switch { 0 => (long?)null, 1 => 0, _ => old.Generation };
            if (random.Next(3) == 0)
            {
                if (isThere && wanted is { } other && other != old.Generation)
                {
                    await AssertChangedAsync(() => _store.DeleteAsync(uri, wanted, Cancellation));
                    continue;
                }

                Assert.Equal(isThere, await _store.DeleteAsync(uri, wanted, Cancellation));
                model.Remove(name);
            }
            else
            {
                var bytes = new byte[random.Next(0, 3000)];
                random.NextBytes(bytes);
                var condition = wanted is { } one ? WriteCondition.IfGeneration(one) : WriteCondition.None;
                if (wanted is { } generation && generation != old.Generation)
                {
                    await AssertChangedAsync(() => _store.WriteBytesAsync(uri, bytes, condition, Cancellation));
                    continue;
                }

                var info = await _store.WriteBytesAsync(uri, bytes, condition, Cancellation);
                Assert.Equal(
                    (bytes.Length, Convert.ToHexStringLower(SHA256.HashData(bytes))), (info.Bytes, info.Sha256));
                Assert.True(info.Generation > old.Generation, "A generation is larger than the one before it.");
                model[name] = (bytes, info.Generation);
            }

            if (isThere && model.TryGetValue(name, out var now))
            {
                var (from, count) = (random.Next(now.Bytes.Length + 1), 0);
                count = random.Next(now.Bytes.Length - from + 1);
                Assert.Equal(
                    now.Bytes[from..(from + count)],
                    await _store.ReadBytesAsync(uri, new ByteRange(from, count), Cancellation));
                var beyond = await Assert.ThrowsAsync<ArtifactException>(() => _store.ReadBytesAsync(
                    uri, new ByteRange(from, now.Bytes.Length - from + 1), Cancellation));
                Assert.Equal(ArtifactFault.Truncated, beyond.Fault);
            }
        }

        var listed = new List<(string?, long, long)>();
        await foreach (var info in _store.ListAsync(ArtifactUri.OfFile(folder.Path), Cancellation))
        {
            listed.Add((info.Uri.RelativeTo(ArtifactUri.OfFile(folder.Path)), info.Bytes, info.Generation));
        }

        Assert.Equal(
            model.Select(item => ((string?)item.Key, (long)item.Value.Bytes.Length, item.Value.Generation)), listed);
    });

    [Theory]
    [InlineData(-1, 5)]
    [InlineData(0, -1)]
    [InlineData(5, -3)]
    [InlineData(long.MaxValue, 10)]
    [InlineData(3, long.MaxValue)]
    public async Task Read_RangeThatCannotBe_IsAFault(long offset, long length)
    {
        var uri = ArtifactUri.OfFile(_folder.Write("x", "0123456789"));
        using var target = new MemoryStream();

        await Assert.ThrowsAsync<ArtifactException>(
            () => _store.ReadAsync(uri, new ByteRange(offset, length), target, Cancellation));

        Assert.Equal(0, target.Length);
    }

    public void Dispose() => _folder.Dispose();

    [LibraryImport("libc", EntryPoint = "mkfifo", StringMarshalling = StringMarshalling.Utf8)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int MakePipe(string path, int mode);

    private static async Task AssertChangedAsync(Func<Task> call) =>
        Assert.Equal(ArtifactFault.Precondition, (await Assert.ThrowsAsync<ArtifactException>(call)).Fault);

    private async Task<List<string>> NamesAsync()
    {
        var names = new List<string>();
        await foreach (var info in _store.ListAsync(ArtifactUri.OfFile(_folder.Path), Cancellation))
        {
            names.Add(info.Uri.RelativeTo(ArtifactUri.OfFile(_folder.Path))!);
        }

        return names;
    }

    private sealed class BreakingStream(int bytes) : MemoryStream(Encoding.UTF8.GetBytes(new string('x', bytes)))
    {
        public override async ValueTask<int> ReadAsync(
            Memory<byte> buffer, CancellationToken cancellationToken = default) =>
            Position < Length
                ? await base.ReadAsync(buffer, cancellationToken) : throw new IOException("It breaks off.");

        public override Task<int> ReadAsync(
            byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
            ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

        public override int Read(Span<byte> buffer) =>
            Position < Length ? base.Read(buffer) : throw new IOException("It breaks off.");
    }
}
