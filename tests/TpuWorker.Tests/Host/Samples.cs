using System.Text.Json;
using Workflows.TestKit;
using Workflows.TpuWorker.Gemma3;
using Workflows.TpuWorker.Tests.Gemma3;

namespace Workflows.TpuWorker.Tests.Host;

/// <summary>A tiny model folder with the tokenizer of the samples, and pairs to train on.</summary>
internal static class Samples
{
    public static string Tokenizer { get; } = Checkout.PathOf("samples", "tiny-gemma3", "tokenizer.json");

    /// <summary>Writes a random model whose end tokens make it an instruction-tuned or a pre-trained one.</summary>
    public static void WriteModel(string directory, params int[] endTokens)
    {
        using var tokenizer = JsonDocument.Parse(File.ReadAllBytes(Tokenizer));
        var vocabulary = tokenizer.RootElement.GetProperty("model").GetProperty("vocab").EnumerateObject().Count();
        var config = Models.Tiny with { VocabularySize = vocabulary, EndTokens = endTokens, InitializerRange = 0.1 };
        Gemma3Checkpoint.CreateRandom(config, 3).Save(directory);
        File.Copy(Tokenizer, Path.Combine(directory, "tokenizer.json"));
    }

    public static void WritePairs(string file, int count) => File.WriteAllLines(file, Enumerable.Range(0, count).Select(
        i => JsonSerializer.Serialize(new { ko = $"\ubc29 {i % 7}", en = $"room {i % 7}" })));
}
