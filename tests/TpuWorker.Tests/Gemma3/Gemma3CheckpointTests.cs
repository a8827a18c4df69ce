using System.Text.Json;
using System.Text.Json.Nodes;
using Workflows.TestKit;
using Workflows.TpuWorker.Gemma3;
using Workflows.TpuWorker.Gemma3.Checkpoints;
using Workflows.TpuWorker.Gemma3.Model;
using Workflows.TpuWorker.Tensors;

namespace Workflows.TpuWorker.Tests.Gemma3;

public sealed class Gemma3CheckpointTests
{
    public static TheoryData<string> All => Fixtures.With("config.json");

    public static TheoryData<string> InBothForms => Fixtures.With("config.json", "config.hub.json");

    [Theory]
    [MemberData(nameof(InBothForms))]
    public void Read_HubAndTransformersForms_AreTheSameModel(string name)
    {
        var folder = Fixtures.Folder(name);
        var hub = Gemma3ConfigFile.Read(Path.Combine(folder, "config.hub.json"));
        var transformers = Gemma3ConfigFile.Read(Path.Combine(folder, "config.json"));

        Assert.Equal(transformers.GlobalLayers, hub.GlobalLayers);
        Assert.Equal(transformers.EndTokens, hub.EndTokens);
        Assert.Equal(
            transformers with { GlobalLayers = null, EndTokens = [] },
            hub with { GlobalLayers = null, EndTokens = [] });
    }

    [Fact]
    public void Read_SparseNestedConfig_FallsBackToDefaults()
    {
        using var temporary = new TemporaryFolder();
        File.WriteAllText(temporary["config.json"], """
            {"model_type":"gemma3","eos_token_id":[1,106],
             "text_config":{"model_type":"gemma3_text","hidden_size":2560,"intermediate_size":10240,
             "num_hidden_layers":34,"rope_scaling":{"factor":8.0,"rope_type":"linear"},"sliding_window":1024}}
            """);

        var config = Gemma3ConfigFile.Read(temporary["config.json"]);

        Assert.Equal((2560, 34, 8, 4, 256), (
            config.HiddenSize, config.LayerCount, config.HeadCount, config.KeyValueHeadCount, config.HeadDimension));
        Assert.Equal((262_208, 1024, 8, 1), (
            config.VocabularySize, config.SlidingWindow, config.GlobalRopeFactor, config.LocalRopeFactor));
        Assert.Equal([1, 106], config.EndTokens);
        Assert.Equal([5, 11, 17, 23, 29], Enumerable.Range(0, 34).Where(config.IsGlobal));
    }

    [Theory]
    [InlineData("model_type", "\"llama\"")]
    [InlineData("hidden_activation", "\"silu\"")]
    [InlineData("attn_logit_softcapping", "50.0")]
    [InlineData("tie_word_embeddings", "false")]
    [InlineData("rope_scaling", """{"rope_type":"yarn","factor":2}""")]
    [InlineData("layer_types", """["full_attention"]""")]
    [InlineData("num_attention_heads", "5")]
    [InlineData("head_dim", "0")]
    [InlineData("sliding_window_pattern", "0")]
    [InlineData("num_hidden_layers", "-1")]
    [InlineData("num_hidden_layers", "99999999")]
    [InlineData("hidden_size", "\"wide\"")]
    public void Read_UnsupportedOrInconsistent_IsRefused(string key, string value)
    {
        using var temporary = new TemporaryFolder();
        Gemma3Checkpoint.CreateRandom(Models.Tiny, 1).Save(temporary["model"]);
        var path = Path.Combine(temporary["model"], "config.json");
        var json = JsonNode.Parse(File.ReadAllText(path))!;
        if (key is "sliding_window_pattern" or "num_hidden_layers")
        {
            json.AsObject().Remove("layer_types");
        }

        json[key] = JsonNode.Parse(value);
        File.WriteAllText(path, json.ToJsonString());

        Assert.Throws<ModelFileException>(() => Gemma3Checkpoint.Load(temporary["model"]));
    }

    [Theory]
    [InlineData("rope_theta", "0")]
    [InlineData("rope_local_base_freq", "-1")]
    [InlineData("rope_scaling", """{"rope_type":"linear","factor":0}""")]
    [InlineData("query_pre_attn_scalar", "0")]
    [InlineData("rms_norm_eps", "-1")]
    [InlineData("rms_norm_eps", "\"small\"")]
    [InlineData("hidden_size", "24.5")]
    [InlineData("vocab_size", "99999999999")]
    [InlineData("intermediate_size", "-3")]
    public void Read_WrongNumber_NamesTheKeyAndTheValue(string key, string value)
    {
        using var temporary = new TemporaryFolder();
        Gemma3Checkpoint.CreateRandom(Models.Tiny, 1).Save(temporary["model"]);
        var path = Path.Combine(temporary["model"], "config.json");
        var json = JsonNode.Parse(File.ReadAllText(path))!;
        json[key] = JsonNode.Parse(value);
        File.WriteAllText(path, json.ToJsonString());

        var problem = Fault(temporary["model"]);

        Assert.Contains(key, problem, StringComparison.Ordinal);
        Assert.Contains("wanted", problem, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(All))]
    public void Save_ThenLoad_KeepsEveryBitAndTheCompanions(string name)
    {
        using var temporary = new TemporaryFolder();
        var model = Gemma3Checkpoint.Load(Fixtures.Folder(name));
        Directory.CreateDirectory(temporary["companions"]);
        File.WriteAllText(Path.Combine(temporary["companions"], "tokenizer.json"), "{}");
        File.WriteAllText(Path.Combine(temporary["companions"], "config.json"), "not this one");

        model.Save(temporary["saved"], temporary["companions"]);
        model.Save(temporary["saved"], temporary["companions"]);

        Assert.Equal([temporary["companions"], temporary["saved"]], Directory.GetDirectories(temporary.Path).Order());
        Assert.Equal(
            ["config.json", "generation_config.json", "model.safetensors", "tokenizer.json"],
            Directory.GetFiles(temporary["saved"]).Select(Path.GetFileName).Order());
        AssertSame(model, Gemma3Checkpoint.Load(temporary["saved"]));
    }

    [Fact]
    public void Load_ShardsOfTheTrueSmallestModel_TakesLittleMoreThanItsWeights()
    {
        using var temporary = new TemporaryFolder();
        var config = new Gemma3Config
        {
            VocabularySize = 262_144,
            HiddenSize = 640,
            IntermediateSize = 2_048,
            LayerCount = 18,
            HeadCount = 4,
            KeyValueHeadCount = 1,
            SlidingWindow = 512,
            MaxPositions = 32_768,
            EndTokens = [1, 106],
        };
        Directory.CreateDirectory(temporary["model"]);
        WriteSparseShards(temporary["model"], config);
        var before = GC.GetAllocatedBytesForCurrentThread();

        var model = Gemma3Checkpoint.Load(temporary["model"]);

        var allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        Assert.Equal((268_098_176, WeightPrecision.BF16), (model.ParameterCount, model.Precision));
        Assert.InRange(allocated, 4 * model.ParameterCount, 4 * model.ParameterCount * 1.5);
    }

    [Fact]
    public void Load_MoreLayersThanTheConfigSays_NamesATensorOfTheOthers()
    {
        using var temporary = new TemporaryFolder();
        Gemma3Checkpoint.CreateRandom(Models.Tiny, 1).Save(temporary["model"]);
        var path = Path.Combine(temporary["model"], "config.json");
        var json = JsonNode.Parse(File.ReadAllText(path))!.AsObject();
        json.Remove("layer_types");
        json["num_hidden_layers"] = Models.Tiny.LayerCount - 1;
        File.WriteAllText(path, json.ToJsonString());

        var problem = Fault(temporary["model"]);

        Assert.Contains($"'model.layers.{Models.Tiny.LayerCount - 1}.", problem, StringComparison.Ordinal);
        Assert.Contains("num_hidden_layers", problem, StringComparison.Ordinal);
    }

    [Fact]
    public void Load_OldIndexBesideTheSingleFile_TakesTheSingleFile()
    {
        using var temporary = new TemporaryFolder();
        var model = Gemma3Checkpoint.CreateRandom(Models.Tiny, 1);
        model.Save(temporary["model"]);
        Gemma3Checkpoint.CreateRandom(Models.Tiny, 2).Save(temporary["old"]);
        File.Move(
            Path.Combine(temporary["old"], "model.safetensors"), Path.Combine(temporary["model"], "old.safetensors"));
        var map = model.Parameters.Keys.ToDictionary(name => name, _ => "old.safetensors");
        File.WriteAllText(
            Path.Combine(temporary["model"], "model.safetensors.index.json"),
            JsonSerializer.Serialize(new { weight_map = map }));

        AssertSame(model, Gemma3Checkpoint.Load(temporary["model"]));
    }

    [Fact]
    public void Save_FolderWithFilesOfOtherModels_CarriesOnlyTheFilesOfATextModel()
    {
        using var temporary = new TemporaryFolder();
        Directory.CreateDirectory(temporary["base"]);
        foreach (var name in (string[])
        [
            "adapter_config.json", "preprocessor_config.json", "tokenizer_config.json", "model.safetensors.index.json",
        ])
        {
            File.WriteAllText(Path.Combine(temporary["base"], name), "{}");
        }

        File.WriteAllText(
            Path.Combine(temporary["base"], "generation_config.json"), """{"eos_token_id": 1, "top_k": 64}""");

        Gemma3Checkpoint.CreateRandom(Models.Tiny with { EndTokens = [1] }, 1).WithEndToken(5)
            .Save(temporary["saved"], temporary["base"], "turns");

        Assert.Equal(
            [
                "chat_template.jinja", "config.json", "generation_config.json", "model.safetensors",
                "tokenizer_config.json",
            ],
            Directory.GetFiles(temporary["saved"]).Select(Path.GetFileName).Order());
        Assert.Equal("turns", ModelFolder.Open(temporary["saved"]).Template);
        Assert.Equal([1, 5], Gemma3Checkpoint.ReadConfig(temporary["saved"]).EndTokens);
        using var generation = JsonDocument.Parse(
            File.ReadAllBytes(Path.Combine(temporary["saved"], "generation_config.json")));
        Assert.Equal("[1,5]", JsonSerializer.Serialize(generation.RootElement.GetProperty("eos_token_id")));
        Assert.Equal(64, generation.RootElement.GetProperty("top_k").GetInt32());
    }

    [Fact]
    public void Save_BaseWithATemplate_KeepsItsOwn()
    {
        using var temporary = new TemporaryFolder();
        Directory.CreateDirectory(temporary["base"]);
        File.WriteAllText(
            Path.Combine(temporary["base"], "tokenizer_config.json"), """{"chat_template": "its own"}""");

        Gemma3Checkpoint.CreateRandom(Models.Tiny, 1).Save(temporary["saved"], temporary["base"], "turns");

        Assert.Equal("its own", ModelFolder.Open(temporary["saved"]).Template);
    }

    /// <summary>Two shards of zeros in BF16 that take no room on the disk, and their index.</summary>
    private static void WriteSparseShards(string directory, Gemma3Config config)
    {
        File.WriteAllText(
            Path.Combine(directory, "config.json"), Gemma3ConfigFile.Write(config, WeightPrecision.BF16));
        var index = new Dictionary<string, string>();
        foreach (var (number, part) in Gemma3Parameters.All(config).Chunk(100).Index())
        {
            var file = $"model-{number + 1:D5}-of-00003.safetensors";
            var (entries, end) = (new Dictionary<string, object>(), 0L);
            foreach (var (name, shape) in part)
            {
                var begin = end;
                end += 2L * shape.Count;
                entries[name] = new
                {
                    dtype = "BF16",
                    shape = shape.Dimensions.ToArray(),
                    data_offsets = new[] { begin, end },
                };
                index[name] = file;
            }

            var header = JsonSerializer.SerializeToUtf8Bytes(entries);
            using var stream = File.Create(Path.Combine(directory, file));
            stream.Write(BitConverter.GetBytes((long)header.Length));
            stream.Write(header);
            stream.SetLength(sizeof(long) + header.Length + end);

            // A matrix of zeros alone is refused: each gets one number.
            var start = sizeof(long) + (long)header.Length;
            foreach (var (_, shape) in part)
            {
                stream.Position = start + 1;
                stream.WriteByte(0x3C);
                start += 2L * shape.Count;
            }
        }

        File.WriteAllText(
            Path.Combine(directory, "model.safetensors.index.json"),
            JsonSerializer.Serialize(new { weight_map = index }));
    }

    [Fact]
    public void CreateRandom_SameSeed_GivesTheSameModelOfTheAskedDeviation()
    {
        var config = Models.Tiny with { HiddenSize = 64, VocabularySize = 500, InitializerRange = 0.05 };
        var (model, again) = (Gemma3Checkpoint.CreateRandom(config, 9), Gemma3Checkpoint.CreateRandom(config, 9));
        var other = Gemma3Checkpoint.CreateRandom(config, 10);

        AssertSame(model, again);
        var embedding = model.Parameters["model.embed_tokens.weight"].Floats;
        Assert.NotEqual(embedding, other.Parameters["model.embed_tokens.weight"].Floats);
        Assert.Equal(0.05, Math.Sqrt(embedding.Average(value => value * (double)value)), 0.001);
        Assert.All(embedding[..64], value => Assert.Equal(0, value));
        Assert.All(model.Parameters["model.norm.weight"].Floats, value => Assert.Equal(0, value));
    }

    [Fact]
    public void Load_WrongNameOrShape_NamesTheTensor()
    {
        using var temporary = new TemporaryFolder();
        Gemma3Checkpoint.CreateRandom(Models.Tiny, 1).Save(temporary["model"]);
        var weights = Path.Combine(temporary["model"], "model.safetensors");
        var tensors = Fixtures.Read(temporary["model"], "model.safetensors");
        const string Name = "model.layers.1.mlp.up_proj.weight";
        void Rewrite()
        {
            File.Delete(weights);
            SafetensorsWriter.Write(weights, tensors, WeightPrecision.F32);
        }

        tensors.Remove(Name, out var up);
        Rewrite();
        Assert.Contains($"'{Name}' [40, 24] is missing", Fault(temporary["model"]), StringComparison.Ordinal);

        tensors[Name] = new HostTensor(new Shape(24, 40), up!.Floats);
        Rewrite();
        Assert.Contains($"'{Name}' is [24, 40], wanted [40, 24]", Fault(temporary["model"]), StringComparison.Ordinal);

        tensors[Name] = up;
        tensors["lm_head.weight"] = HostTensor.Zeros(DType.Float32, new Shape(96, 24));
        Rewrite();
        Assert.Contains("differs from the embedding", Fault(temporary["model"]), StringComparison.Ordinal);
    }

    [Fact]
    public void Save_IntoAnImpossiblePlace_LeavesNothing()
    {
        using var temporary = new TemporaryFolder();
        File.WriteAllText(temporary["companion"], "a file, not a folder");

        Assert.ThrowsAny<IOException>(
            () => Gemma3Checkpoint.CreateRandom(Models.Tiny, 1).Save(temporary["model"], temporary["companion"]));

        Assert.Empty(Directory.GetDirectories(temporary.Path));
    }

    private static string Fault(string folder) =>
        Assert.Throws<ModelFileException>(() => Gemma3Checkpoint.Load(folder)).Problem;

    private static void AssertSame(Gemma3Checkpoint expected, Gemma3Checkpoint actual)
    {
        Assert.Equal(expected.Precision, actual.Precision);
        Assert.Equal(
            Enumerable.Range(0, expected.Config.LayerCount).Select(expected.Config.IsGlobal),
            Enumerable.Range(0, actual.Config.LayerCount).Select(actual.Config.IsGlobal));
        Assert.Equal(
            expected.Config with { GlobalLayers = null, EndTokens = [] },
            actual.Config with { GlobalLayers = null, EndTokens = [] });
        foreach (var (name, tensor) in expected.Parameters)
        {
            Assert.Equal(tensor.Floats, actual.Parameters[name].Floats);
        }
    }
}
