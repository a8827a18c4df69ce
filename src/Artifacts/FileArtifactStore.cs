using System.Buffers;
using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using Workflows.GoogleCloud.Connections;
using Workflows.ModelFiles;

namespace Workflows.Artifacts;

/// <summary>
/// Stores artifacts as files of this machine. A write goes to a file beside the target, is flushed to the disk, and is
/// renamed. A generation is the time of the write in ticks. Conditions on it are checked against writers of this
/// process; the condition that no artifact exists is checked against all.
/// </summary>
public sealed class FileArtifactStore : IArtifactStore
{
    /// <summary>Suffix of a file that is being written; such a file is no artifact.</summary>
    private const string WritingSuffix = ".writing";

    private const int BufferBytes = 1 << 20;

    private readonly ConcurrentDictionary<string, SemaphoreSlim> _gates = new(StringComparer.Ordinal);

    /// <inheritdoc />
    public Task<ArtifactInfo?> FindAsync(ArtifactUri uri, CancellationToken cancellation) =>
        Guarded(uri, () => Task.FromResult(Info(uri)));

    /// <inheritdoc />
    public async IAsyncEnumerable<ArtifactInfo> ListAsync(
        ArtifactUri folder, [EnumeratorCancellation] CancellationToken cancellation)
    {
        var files = await Guarded(folder, () => Task.FromResult(Directory.Exists(folder.Path)
            ? FolderFiles.Of(folder.Path)
                .Where(path => !path.EndsWith(WritingSuffix, StringComparison.Ordinal))
                .Select(path => folder.Child(
                    Path.GetRelativePath(folder.Path, path).Replace(Path.DirectorySeparatorChar, '/')))
                .OrderBy(uri => uri.RelativeTo(folder), StringComparer.Ordinal).ToList()
            : []));
        foreach (var file in files)
        {
            cancellation.ThrowIfCancellationRequested();
            if (await FindAsync(file, cancellation) is { } info)
            {
                yield return info;
            }
        }
    }

    /// <inheritdoc />
    public Task ReadAsync(ArtifactUri uri, ByteRange range, Stream target, CancellationToken cancellation) =>
        Guarded(uri, async () =>
        {
            if (File.Exists(uri.Path) && !RegularFile.Is(uri.Path))
            {
                throw new ArtifactException(
                    ArtifactFault.Unsupported, $"{uri}", "It is a pipe, a socket or a device, expected a file.",
                    "Give the file itself.");
            }

            using var file = new FileStream(
                uri.Path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, bufferSize: 0);
            var length = range.Length ?? Math.Max(0, file.Length - range.Offset);
            if (range.Offset < 0 || length < 0 || range.Offset > file.Length - length)
            {
                throw Faults.TooShort(uri, range, file.Length);
            }

            file.Position = range.Offset;
            var buffer = ArrayPool<byte>.Shared.Rent((int)Math.Min(BufferBytes, Math.Max(1, length)));
            try
            {
                while (length > 0)
                {
                    var count = await file.ReadAsync(
                        buffer.AsMemory(0, (int)Math.Min(buffer.Length, length)), cancellation);
                    if (count == 0)
                    {
                        throw Faults.TooShort(uri, range, file.Length);
                    }

                    await target.WriteAsync(buffer.AsMemory(0, count), cancellation);
                    length -= count;
                }
            }
            finally
            {
                ArrayPool<byte>.Shared.Return(buffer);
            }

            return true;
        });

    /// <inheritdoc />
    public Task<ArtifactInfo> WriteAsync(
        ArtifactUri uri, Stream content, WriteCondition condition, CancellationToken cancellation) =>
        Guarded(uri, async () =>
        {
            var aside = $"{uri.Path}.{Guid.NewGuid():n}{WritingSuffix}";
            try
            {
                using var source = new SourceStream(content);
                await using (var file = Create(aside))
                {
                    await OverlappedCopy.RunAsync(source.ReadAsync, file.WriteAsync, BufferBytes, cancellation);
                    file.Flush(flushToDisk: true);
                }

                await PlaceAsync(aside, uri, condition, cancellation);
                return Info(uri)! with { Crc32C = source.Checksum, Sha256 = source.Sha256 };
            }
            finally
            {
                File.Delete(aside);
            }
        });

    /// <inheritdoc />
    public Task<bool> DeleteAsync(ArtifactUri uri, long? generation, CancellationToken cancellation) =>
        Guarded(uri, async () =>
        {
            using var held = await HoldAsync(uri, cancellation);
            if (Info(uri) is not { } info)
            {
                return false;
            }

            if (generation is { } wanted && wanted != info.Generation)
            {
                throw Faults.Changed(uri, wanted, info.Generation);
            }

            File.Delete(uri.Path);
            RemoveIfEmpty(Path.GetDirectoryName(uri.Path)!);
            return true;
        });

    // Another process may delete the folder, with its last file, between the two calls.
    private static FileStream Create(string path)
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                Directory.CreateDirectory(Path.GetDirectoryName(path)!);
                return new FileStream(path, FileMode.CreateNew, FileAccess.Write, FileShare.None, bufferSize: 0);
            }
            catch (DirectoryNotFoundException) when (attempt < 5)
            {
            }
        }
    }

    private async Task PlaceAsync(
        string aside, ArtifactUri uri, WriteCondition condition, CancellationToken cancellation)
    {
        using var held = await HoldAsync(uri, cancellation);
        var before = Info(uri)?.Generation ?? 0;
        if (condition.Generation is { } wanted && wanted != before)
        {
            throw Faults.Changed(uri, wanted, before);
        }

        // Two writes within the clock's resolution still get two generations.
        var written = File.GetLastWriteTimeUtc(aside);
        if (written.Ticks <= before)
        {
            File.SetLastWriteTimeUtc(aside, new DateTime(before + 1, DateTimeKind.Utc));
        }

        try
        {
            File.Move(aside, uri.Path, overwrite: condition.Generation != 0);
        }
        catch (IOException) when (condition.Generation == 0 && File.Exists(uri.Path))
        {
            throw Faults.Changed(uri, 0, Info(uri)?.Generation ?? 0);
        }

        DiskFlush.Flush(Path.GetDirectoryName(uri.Path)!);
    }

    private async Task<Held> HoldAsync(ArtifactUri uri, CancellationToken cancellation)
    {
        var gate = _gates.GetOrAdd(uri.Path, _ => new SemaphoreSlim(1));
        await gate.WaitAsync(cancellation);
        return new Held(gate);
    }

    private static ArtifactInfo? Info(ArtifactUri uri)
    {
        // A link has its own length and its own time of creation.
        var file = TargetOf(new FileInfo(uri.Path));
        return file is { Exists: true } && RegularFile.Is(uri.Path)
            ? new ArtifactInfo(uri, file.Length, file.LastWriteTimeUtc.Ticks) : null;
    }

    /// <summary>Returns the file that a path leads to; null if its links lead to no file, or form a circle.</summary>
    private static FileInfo? TargetOf(FileInfo file)
    {
        try
        {
            return file.LinkTarget is null ? file : file.ResolveLinkTarget(returnFinalTarget: true) as FileInfo;
        }
        catch (IOException)
        {
            return null;
        }
    }

    private static void RemoveIfEmpty(string folder)
    {
        try
        {
            Directory.Delete(folder);
        }
        catch (IOException)
        {
            // The folder is not empty, or is gone already.
        }
    }

    private static async Task<T> Guarded<T>(ArtifactUri uri, Func<Task<T>> call)
    {
        try
        {
            return await call();
        }
        catch (Exception exception) when (exception is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new ArtifactException(
                ArtifactFault.NotFound, $"{uri}", "There is no such file.", "Give the path of a file.", exception);
        }
        catch (UnauthorizedAccessException exception)
        {
            throw new ArtifactException(
                ArtifactFault.Forbidden, $"{uri}", exception.Message, "Let this program's user read and write there.",
                exception);
        }
        catch (IOException exception)
        {
            throw new ArtifactException(
                ArtifactFault.Unavailable, $"{uri}", exception.Message, "Look at the disk and its free space.",
                exception);
        }
    }

    private readonly record struct Held(SemaphoreSlim Gate) : IDisposable
    {
        public void Dispose() => Gate.Release();
    }
}
