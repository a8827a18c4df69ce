using System.Text.Json;
using System.Text.Json.Serialization;

namespace Workflows.Artifacts;

/// <summary>One file of a tree.</summary>
/// <param name="Bytes">Its size.</param>
/// <param name="Sha256">Its SHA-256 in lower-case hexadecimal.</param>
public sealed record ArtifactFile(long Bytes, string Sha256);

/// <summary>The list of a tree's files: it is the tree's last object, and makes the tree complete.</summary>
public sealed record ArtifactManifest
{
    /// <summary>Name of the manifest inside its tree.</summary>
    public const string FileName = "artifact.json";

    internal const int CurrentFormat = 1;

    private const int HashLength = 64;

    /// <summary>Gets the version of this form.</summary>
    public required int Format { get; init; }

    /// <summary>Gets the files by their paths from the tree's root, with slashes.</summary>
    public required IReadOnlyDictionary<string, ArtifactFile> Files { get; init; }

    internal byte[] ToJson() =>
        JsonSerializer.SerializeToUtf8Bytes(this, ArtifactManifestJson.Default.ArtifactManifest);

    /// <summary>Reads a manifest and checks that its names stay inside the tree.</summary>
    /// <exception cref="ArtifactException">It is not a manifest.</exception>
    internal static ArtifactManifest FromJson(ArtifactUri tree, byte[] json)
    {
        try
        {
            var manifest = JsonSerializer.Deserialize(json, ArtifactManifestJson.Default.ArtifactManifest);
            if (manifest is not { Format: CurrentFormat, Files.Count: > 0 })
            {
                throw Faults.Damaged(
                    tree.Child(FileName),
                    $"Its format is {manifest?.Format}, expected {CurrentFormat} and some files.");
            }

            foreach (var (name, file) in manifest.Files)
            {
                tree.Child(name);
                if (name == FileName || file is not { Bytes: >= 0, Sha256.Length: HashLength }
                    || !file.Sha256.All(char.IsAsciiHexDigitLower))
                {
                    throw Faults.Damaged(
                        tree.Child(FileName), $"Its entry '{name}' has no number of bytes and no SHA-256.");
                }
            }

            return manifest;
        }
        catch (JsonException exception)
        {
            throw Faults.Damaged(tree.Child(FileName), exception.Message);
        }
        catch (ArtifactException exception) when (exception.Fault == ArtifactFault.Address)
        {
            throw Faults.Damaged(tree.Child(FileName), exception.Problem);
        }
    }
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, WriteIndented = true)]
[JsonSerializable(typeof(ArtifactManifest))]
internal sealed partial class ArtifactManifestJson : JsonSerializerContext;
