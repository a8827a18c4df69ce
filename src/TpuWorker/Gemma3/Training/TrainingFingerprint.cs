using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;

namespace Workflows.TpuWorker.Gemma3.Training;

/// <summary>
/// Computes a hash of everything that decides the result of a training, so that a different one is not resumed.
/// </summary>
internal static class TrainingFingerprint
{
    // Elements of each weight: enough to tell models apart without hashing gigabytes.
    private const int SampledElements = 256;

    public static string Of(
        Gemma3Checkpoint model, FineTuneOptions options, IReadOnlyList<TrainingExample> examples,
        TrainingValidation? validation) => Of(model, options, options.Steps, examples, validation);

    /// <summary>Computes the hash that the training would have with another number of steps.</summary>
    public static string Of(
        Gemma3Checkpoint model, FineTuneOptions options, int steps, IReadOnlyList<TrainingExample> examples,
        TrainingValidation? validation)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        Append(hash, Gemma3ConfigFile.Write(model.Config, model.Precision));
        Append(hash, FormattableString.Invariant(
            $"{steps} {options.BatchSize} {options.AccumulationSteps} {options.LearningRate:R} "));
        Append(hash, FormattableString.Invariant(
            $"{options.WarmupSteps} {options.WeightDecay:R} {options.WeightDecayScope} {options.MaxGradientNorm:R} "));
        Append(hash, FormattableString.Invariant(
            $"{options.Beta1:R} {options.Beta2:R} {options.Epsilon:R} {options.MaxLength} {options.Seed} "));
        Append(hash, FormattableString.Invariant(
            $"{options.Decay} {options.Pack} {options.PassSize} {validation?.Settings}"));
        if (options.Lora is { } lora)
        {
            Append(hash, FormattableString.Invariant(
                $"lora {lora.Rank} {lora.Alpha:R} {(int)lora.Targets} {lora.RankStabilized} {lora.Dropout:R}"));
        }

        foreach (var (name, tensor) in model.Parameters.OrderBy(entry => entry.Key, StringComparer.Ordinal))
        {
            Append(hash, name);
            var count = Math.Min(SampledElements, tensor.Floats.Length);
            hash.AppendData(MemoryMarshal.AsBytes(tensor.Floats.AsSpan(0, count)));
        }

        Append(hash, examples);
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    public static string Of(IReadOnlyList<TrainingExample> examples)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        Append(hash, examples);
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    private static void Append(IncrementalHash hash, IReadOnlyList<TrainingExample> examples)
    {
        Span<byte> lengths = stackalloc byte[2 * sizeof(int)];
        foreach (var example in examples)
        {
            BinaryPrimitives.WriteInt32LittleEndian(lengths, example.Tokens.Length);
            BinaryPrimitives.WriteInt32LittleEndian(lengths[sizeof(int)..], example.PromptLength);
            hash.AppendData(lengths);
            hash.AppendData(MemoryMarshal.AsBytes(example.Tokens.AsSpan()));
        }
    }

    private static void Append(IncrementalHash hash, string text) =>
        hash.AppendData(Encoding.UTF8.GetBytes(text + "\n"));
}
