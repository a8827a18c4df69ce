using System.Text.Json.Nodes;
using Workflows.ModelFiles;
using Workflows.TpuWorker.Gemma3;
using Workflows.Translation.Tokenization;

namespace Workflows.TestKit.Models;

/// <summary>A model and a corpus small enough for a run of seconds.</summary>
public static class TinyModel
{
    /// <summary>Writes a random model with a tokenizer, as a folder that a run can be given.</summary>
    /// <param name="folder">The folder; created if absent.</param>
    public static void Write(string folder)
    {
        Directory.CreateDirectory(folder);
        var sentences = new[] { "나는 학교에 갑니다.", "I go to school.", "Translate Korean to English: 안녕하세요" };
        BpeTrainer.Train(sentences, new BpeTrainerOptions { VocabularySize = 400 })
            .Save(Path.Combine(folder, "tokenizer.json"));
        var tokenizer = BpeTokenizer.Load(Path.Combine(folder, "tokenizer.json"));
        var config = new Gemma3Config
        {
            VocabularySize = tokenizer.VocabularySize,
            HiddenSize = 16,
            IntermediateSize = 32,
            LayerCount = 2,
            HeadCount = 2,
            KeyValueHeadCount = 1,
            HeadDimension = 8,
            QueryPreAttentionScalar = 8,
            SlidingWindow = 32,
            MaxPositions = 512,
            BeginToken = tokenizer.BosId,
            EndTokens = [tokenizer.EosId, tokenizer.EndOfTurnId],
            PadToken = tokenizer.PadId,
        };
        Gemma3Checkpoint.CreateRandom(config, 1).Save(folder, companions: folder);
    }

    /// <summary>Writes 60 pairs as tab-separated Korean and English.</summary>
    /// <param name="path">The file.</param>
    public static void WriteCorpus(string path) => File.WriteAllLines(path,
    [
        "ko\ten",
        .. Enumerable.Range(1, 60).Select(each => $"나는 {each}번 버스를 탑니다.\tI take bus number {each}."),
    ]);

    /// <summary>Makes the request of a rehearsal of seconds.</summary>
    /// <param name="model">The model's folder.</param>
    /// <param name="pairs">The corpus.</param>
    /// <param name="scenario">The emulated cloud's scenario.</param>
    /// <param name="steps">Steps of the training.</param>
    /// <param name="checkpointEvery">Steps between checkpoints.</param>
    /// <returns>The request, to be changed by a test.</returns>
    public static JsonObject Request(string model, string pairs, string scenario, int steps, int checkpointEvery) =>
        new()
        {
            ["model"] = model,
            ["prompt"] = "brief",
            ["data"] = new JsonObject { ["train"] = pairs },
            ["tpu"] = new JsonObject
            {
                ["acceleratorTypes"] = new JsonArray("v5litepod-8"),
                ["zones"] = new JsonArray("us-west4-a", "us-west1-c"),
            },
            ["training"] = new JsonObject
            {
                ["steps"] = steps,
                ["batchSize"] = 4,
                ["warmupSteps"] = 1,
                ["checkpointEverySteps"] = checkpointEvery,
                ["maxLength"] = 128,
            },
            ["evaluation"] = new JsonObject { ["maxNewTokens"] = 4, ["bootstrapSamples"] = 100 },
            ["rehearsal"] = new JsonObject { ["scenario"] = scenario },
        };
}
