using System.Buffers.Binary;
using Workflows.Artifacts;
using Workflows.ModelFiles;

namespace Workflows.Activities.Artifacts;

/// <summary>
/// Builds a folder that looks like a model's to the checks before renting: small files whole, weight files as sparse
/// files of their full length that hold only their headers.
/// </summary>
internal static class ModelView
{
    private const int LengthBytes = 8;

    /// <summary>Creates the folder.</summary>
    /// <param name="store">The store that has the model.</param>
    /// <param name="source">The model.</param>
    /// <param name="folder">The folder; an existing one is replaced.</param>
    /// <param name="cancellation">Cancels the call.</param>
    /// <returns>A task that completes when the checks can read the folder.</returns>
    /// <exception cref="ArtifactException">A part cannot be read.</exception>
    public static async Task CreateAsync(
        IArtifactStore store, ModelSource source, string folder, CancellationToken cancellation)
    {
        if (Directory.Exists(folder))
        {
            Directory.Delete(folder, recursive: true);
        }

        Directory.CreateDirectory(folder);
        foreach (var file in source.Files)
        {
            var path = Path.Combine(folder, file.Uri.Name);
            if (TextModelFiles.IsWeights(file.Uri.Name))
            {
                await WriteHeaderAsync(store, file, path, cancellation);
            }
            else if (file.Bytes <= FileLimits.Tokenizer)
            {
                await store.DownloadAsync(file.Uri, path, cancellation);
            }
            else
            {
                // Too large for any of these files: creates an empty file of its length, which the reader refuses by
                // name.
                await using var empty = File.Create(path);
                empty.SetLength(file.Bytes);
            }
        }

        foreach (var (path, offset, length) in ModelWeights.RangesReadOnOpening(folder))
        {
            var part = await store.ReadBytesAsync(
                source.Address.Child(Path.GetFileName(path)), new ByteRange(offset, length), cancellation);
            await using var view = new FileStream(path, FileMode.Open, FileAccess.Write);
            view.Position = offset;
            await view.WriteAsync(part, cancellation);
        }
    }

    private static async Task WriteHeaderAsync(
        IArtifactStore store, ArtifactInfo file, string path, CancellationToken cancellation)
    {
        await using var view = File.Create(path);
        if (file.Bytes >= LengthBytes)
        {
            var prefix = await store.ReadBytesAsync(file.Uri, new ByteRange(0, LengthBytes), cancellation);
            await view.WriteAsync(prefix, cancellation);
            var length = BinaryPrimitives.ReadUInt64LittleEndian(prefix);
            if (length <= FileLimits.SafetensorsHeader && (long)length <= file.Bytes - LengthBytes)
            {
                await view.WriteAsync(
                    await store.ReadBytesAsync(file.Uri, new ByteRange(LengthBytes, (long)length), cancellation),
                    cancellation);
            }
        }

        view.SetLength(file.Bytes);
    }
}
