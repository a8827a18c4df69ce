using System.Text.Json;
using System.Text.Json.Serialization;

namespace Workflows.TpuWorker.Gemma3.Training;

/// <summary>The manifest of a training checkpoint; written last, as manifest.json.</summary>
internal sealed record TrainingManifest
{
    public const string FileName = "manifest.json";
    public const int CurrentFormat = 1;

    public required int Format { get; init; }

    /// <summary>Steps done.</summary>
    public required int Step { get; init; }

    /// <summary>Hash of everything that decides the result: options, examples, base model.</summary>
    public required string Fingerprint { get; init; }

    /// <summary>
    /// The position in the data. The order depends only on seed and epoch, so this is its whole state.
    /// </summary>
    public required DataCursor Cursor { get; init; }

    public required long Tokens { get; init; }

    public required double FirstLoss { get; init; }

    public required double LastLoss { get; init; }

    /// <summary>Examples of one pass: fewer than at the beginning if memory ran out since.</summary>
    public int PassSize { get; init; }

    /// <summary>The last measurement and the best one; null before the first.</summary>
    public ScoreAt? LastScore { get; init; }

    public ScoreAt? BestScore { get; init; }

    /// <summary>Measurements since the best.</summary>
    public int WorseScores { get; init; }

    /// <summary>Gets a value indicating whether patience ran out at this step.</summary>
    public bool IsStopped { get; init; }

    /// <summary>SHA-256, in lower-case hexadecimal, of every other file.</summary>
    public required Dictionary<string, string> Files { get; init; }

    public byte[] ToJson() => JsonSerializer.SerializeToUtf8Bytes(this, TrainingManifestJson.Default.TrainingManifest);

    public static TrainingManifest? FromJson(byte[] json) =>
        JsonSerializer.Deserialize(json, TrainingManifestJson.Default.TrainingManifest);
}

/// <param name="Seed">Seed of the order.</param>
/// <param name="Epoch">Passes over the data done.</param>
/// <param name="Batch">Batches done in this one.</param>
internal sealed record DataCursor(ulong Seed, long Epoch, long Batch);

/// <param name="Step">Steps done before the measurement.</param>
/// <param name="Score">The score.</param>
internal sealed record ScoreAt(int Step, double Score);

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, WriteIndented = true,
    NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals)]
[JsonSerializable(typeof(TrainingManifest))]
internal sealed partial class TrainingManifestJson : JsonSerializerContext;
