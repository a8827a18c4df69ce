using System.Text.Json;

namespace Workflows.Artifacts;

/// <summary>A file of a repository of the Hub.</summary>
/// <param name="Bytes">Its size.</param>
/// <param name="BlobId">Its hash as a blob of Git, SHA-1 in hexadecimal.</param>
/// <param name="Sha256">Its SHA-256; null for small files, which the Hub keeps in Git.</param>
internal sealed record HubFile(long Bytes, string? BlobId, string? Sha256)
{
    /// <summary>Gets the name of its content in the Hub's ETag and in the cache.</summary>
    public string? ETag => Sha256 ?? BlobId;
}

/// <summary>The files of a repository at one commit.</summary>
/// <param name="Commit">The commit.</param>
/// <param name="Files">The files by path, with slashes.</param>
internal sealed record HubListing(string Commit, IReadOnlyDictionary<string, HubFile> Files)
{
    private const int CommitLength = 40;

    public static bool IsCommit(string text) => text.Length == CommitLength && IsHash(text);

    /// <summary>Reads the answer of <c>/api/models/REPOSITORY/revision/REVISION?blobs=true</c>.</summary>
    /// <exception cref="JsonException">The JSON is not a listing.</exception>
    public static HubListing Parse(byte[] json)
    {
        using var document = JsonDocument.Parse(json);
        var root = document.RootElement;
        var commit = TextOf(root, "sha");
        if (commit is null || !IsCommit(commit) || !root.TryGetProperty("siblings", out var siblings)
            || siblings.ValueKind != JsonValueKind.Array)
        {
            throw new JsonException("it has no 'sha' and 'siblings'");
        }

        var files = new SortedDictionary<string, HubFile>(StringComparer.Ordinal);
        foreach (var sibling in siblings.EnumerateArray())
        {
            if (TextOf(sibling, "rfilename") is not { } name
                || name.Split('/').Any(part => part is "" or "." or "..")
                || name.Any(letter => letter == '\\' || char.IsControl(letter)))
            {
                throw new JsonException("it lists a file without a name, or with one that leaves the repository");
            }

            var isLarge = sibling.TryGetProperty("lfs", out var lfs) && lfs.ValueKind == JsonValueKind.Object;
            var size = isLarge && lfs.TryGetProperty("size", out var large) ? large
                : sibling.TryGetProperty("size", out var small) ? small : default;
            files[name] = new HubFile(
                size.ValueKind == JsonValueKind.Number && size.TryGetInt64(out var bytes) && bytes >= 0
                    ? bytes : throw new JsonException($"it gives no size of '{name}'"),
                Hash(TextOf(sibling, "blobId")), Hash(isLarge ? TextOf(lfs, "sha256") : null));
        }

        return new HubListing(commit, files);
    }

    // The hash becomes the name of a file.
    private static string? Hash(string? text) => text is null || IsHash(text)
        ? text
        : throw new JsonException($"'{text}' is no hash");

    private static bool IsHash(string text) => text.Length > 0 && text.All(char.IsAsciiHexDigitLower);

    private static string? TextOf(JsonElement parent, string name)
    {
        try
        {
            return parent.ValueKind == JsonValueKind.Object && parent.TryGetProperty(name, out var value)
                && value.ValueKind == JsonValueKind.String
                    ? value.GetString() : null;
        }
        catch (InvalidOperationException exception)
        {
            throw new JsonException($"its '{name}' has an escape of half a character", exception);
        }
    }
}
