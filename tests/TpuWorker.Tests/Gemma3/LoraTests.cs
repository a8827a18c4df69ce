using System.Text.Json;
using Workflows.TestKit;
using Workflows.TpuWorker.Gemma3;
using Workflows.TpuWorker.Gemma3.Checkpoints;
using Workflows.TpuWorker.Gemma3.Lora;
using Workflows.TpuWorker.Gemma3.Training;
using Workflows.TpuWorker.Tensors;

namespace Workflows.TpuWorker.Tests.Gemma3;

public sealed class LoraTests
{
    private const double Tolerance = 1e-4;

    public static TheoryData<string> Adapters => Fixtures.With("adapter_config.json");

    public static TheoryData<string> Merged => Fixtures.With("merged.safetensors");

    [Theory]
    [MemberData(nameof(Adapters))]
    public void Pass_ReferenceAdapter_EqualsPeft(string adapted)
    {
        var (folder, variant) = Split(adapted);
        var model = Gemma3Checkpoint.Load(folder);
        var adapter = LoraAdapter.Load(Path.Combine(folder, variant), model.Config);
        var wanted = Fixtures.Read(Path.Combine(folder, variant), "reference.safetensors");
        var batch = Fixtures.Read(folder, "batch.safetensors");
        var examples = Fixtures.Examples(folder);
        var gradients = adapter.Tensors.ToDictionary(
            entry => entry.Key, entry => HostTensor.Zeros(DType.Float32, entry.Value.Shape));
        using var program = new GradientProgram(
            model.Config, model.EmbeddingNormalizer, BatchShape.Of(examples, examples.Length + 1), 2,
            model.Parameters.Concat(adapter.Tensors).ToDictionary(), gradients, adapter.Options);

        var (loss, answerTokens) = program.Run(examples);

        Assert.Equal(variant.EndsWith("-rs", StringComparison.Ordinal), adapter.Options.RankStabilized);
        Assert.Equal(wanted["loss"].Floats[0], loss / answerTokens, Tolerance);
        Passes.CompareRows(
            wanted["logits"], Passes.Logits(model, batch["input_ids"], adapter), batch["attention_mask"], "logits");
        foreach (var (parameter, expected) in wanted.Where(entry => entry.Key.StartsWith("grad.", default)))
        {
            var mean = Array.ConvertAll(gradients[parameter["grad.".Length..]].Floats, value => value / answerTokens);
            Compare.Close(expected.Floats, mean, Tolerance, parameter);
        }
    }

    /// <summary>Names as PEFT 0.20.1 writes them for what AutoModelForCausalLM makes of a multimodal folder.</summary>
    [Fact]
    public void Save_AdapterOfAMultimodalModel_IsForItsTextPartAndComesBack()
    {
        using var temporary = new TemporaryFolder();
        Directory.CreateDirectory(temporary["base"]);
        File.WriteAllText(Path.Combine(temporary["base"], "config.json"), """{"text_config":{}}""");
        var options = new LoraOptions { Rank = 2, Targets = LoraTargets.Query | LoraTargets.Value };
        var adapter = LoraAdapter.Create(Models.Tiny, options, 3);

        adapter.Save(temporary["adapter"], temporary["base"]);

        using var file = SafetensorsFile.Open(Path.Combine(temporary["adapter"], "adapter_model.safetensors"));
        Assert.All(file.Tensors.Keys, name => Assert.StartsWith(
            "base_model.model.model.language_model.layers.", name, StringComparison.Ordinal));
        using var json = JsonDocument.Parse(
            File.ReadAllText(Path.Combine(temporary["adapter"], "adapter_config.json")));
        var pattern = json.RootElement.GetProperty("target_modules").GetString()!;
        Assert.Matches($"^(?:{pattern})$", "model.language_model.layers.0.self_attn.q_proj");
        Assert.DoesNotMatch($"^(?:{pattern})$", "model.language_model.layers.0.self_attn.k_proj");
        Assert.DoesNotMatch($"^(?:{pattern})$", "model.vision_tower.vision_model.encoder.layers.0.self_attn.q_proj");
        var back = LoraAdapter.Load(temporary["adapter"], Models.Tiny);
        Assert.Equal(options.Targets, back.Options.Targets);
        Assert.All(adapter.Tensors, entry => Assert.Equal(entry.Value.Floats, back.Tensors[entry.Key].Floats));
    }

    [Theory]
    [MemberData(nameof(Merged))]
    public void Merge_ReferenceAdapter_EqualsPeftAndSurvivesSaving(string adapted)
    {
        var (folder, variant) = Split(adapted);
        using var temporary = new TemporaryFolder();
        var model = Gemma3Checkpoint.Load(folder);
        var before = model.Parameters.ToDictionary(entry => entry.Key, entry => (float[])entry.Value.Floats.Clone());
        var wanted = Fixtures.Read(Path.Combine(folder, variant), "merged.safetensors");
        var batch = Fixtures.Read(folder, "batch.safetensors");

        LoraAdapter.Load(Path.Combine(folder, variant), model.Config).Merge(model).Save(temporary["merged"]);
        var merged = Gemma3Checkpoint.Load(temporary["merged"]);

        Assert.All(before, entry => Assert.Equal(entry.Value, model.Parameters[entry.Key].Floats));
        Passes.CompareRows(
            wanted["logits"], Passes.Logits(merged, batch["input_ids"]), batch["attention_mask"], "logits");
        foreach (var (parameter, expected) in wanted.Where(entry => entry.Key != "logits"))
        {
            Compare.Close(expected.Floats, merged.Parameters[parameter].Floats, Tolerance, parameter);
        }
    }

    [Theory]
    [MemberData(nameof(Adapters))]
    public void Save_ReferenceAdapter_WritesWhatPeftWrote(string adapted)
    {
        var folder = Fixtures.Folder(adapted);
        var config = Gemma3ConfigFile.Read(Path.Combine(folder, "..", "config.json"));
        using var temporary = new TemporaryFolder();

        LoraAdapter.Load(folder, config).Save(temporary["adapter"], "google/gemma-3-270m-it");

        const string Tensors = "adapter_model.safetensors";
        var (wanted, got) = (Fixtures.Read(folder, Tensors), Fixtures.Read(temporary["adapter"], Tensors));
        Assert.Equal(wanted.Keys.Order(), got.Keys.Order());
        Assert.All(wanted, entry => Assert.Equal(entry.Value.Floats, got[entry.Key].Floats));
        var (theirs, ours) = (Json(folder), Json(temporary["adapter"]));
        Assert.Equal("google/gemma-3-270m-it", ours.GetProperty("base_model_name_or_path").GetString());
        foreach (var written in ours.EnumerateObject().Where(p => p.Name != "base_model_name_or_path"))
        {
            Assert.Equal(Sorted(theirs.GetProperty(written.Name)), Sorted(written.Value));
        }
    }

    [Fact]
    public void Create_FreshAdapter_ChangesNothingAndFollowsTheSeed()
    {
        var model = Gemma3Checkpoint.CreateRandom(Models.Tiny, 3);
        var adapter = LoraAdapter.Create(model.Config, new LoraOptions { Rank = 4 }, 7);
        var merged = adapter.Merge(model);

        Assert.All(model.Parameters, entry => Assert.Equal(entry.Value.Floats, merged.Parameters[entry.Key].Floats));
        Assert.Equal(
            4 * LoraParameters.Adapted(model.Config, LoraTargets.All).Sum(w => w.Shape[0] + w.Shape[1]),
            adapter.ParameterCount);
        var down = adapter.Tensors["model.layers.0.mlp.down_proj.lora_A.weight"].Floats;
        Assert.True(down.Max() > 0.8 / Math.Sqrt(40) && down.Max() <= 1 / Math.Sqrt(40), $"largest {down.Max()}");
        Assert.True(down.Min() < -0.8 / Math.Sqrt(40) && down.Min() >= -1 / Math.Sqrt(40), $"smallest {down.Min()}");
        Assert.Equal(down, LoraAdapter.Create(model.Config, new LoraOptions { Rank = 4 }, 7)
            .Tensors["model.layers.0.mlp.down_proj.lora_A.weight"].Floats);
        Assert.NotEqual(down, LoraAdapter.Create(model.Config, new LoraOptions { Rank = 4 }, 8)
            .Tensors["model.layers.0.mlp.down_proj.lora_A.weight"].Floats);
    }

    [Theory]
    [InlineData("\"use_dora\": false", "\"use_dora\": true")]
    [InlineData("\"bias\": \"none\"", "\"bias\": \"all\"")]
    [InlineData("\"LORA\"", "\"ADALORA\"")]
    [InlineData("\"q_proj\"", "\"lm_head\"")]
    [InlineData("\"rank_pattern\": {}", "\"rank_pattern\": {\"q_proj\": 8}")]
    [InlineData("\"r\": 2", "\"r\": 3")]
    [InlineData("\"r\": 2", "\"r\": 0")]
    [InlineData("\"q_proj\",", "")]
    public void Load_WhatIsNotPlainLora_IsRefused(string from, string to)
    {
        using var temporary = new TemporaryFolder();
        LoraAdapter.Create(Models.Tiny, new LoraOptions { Rank = 2 }, 1).Save(temporary["adapter"]);
        var path = Path.Combine(temporary["adapter"], "adapter_config.json");
        var text = File.ReadAllText(path);
        Assert.Contains(from, text, StringComparison.Ordinal);
        File.WriteAllText(path, text.Replace(from, to, StringComparison.Ordinal));

        Assert.Throws<ModelFileException>(() => LoraAdapter.Load(temporary["adapter"], Models.Tiny));
    }

    [Theory]
    [InlineData("\"pissa\"", false)]
    [InlineData("\"pissa_niter_16\"", false)]
    [InlineData("\"olora\"", false)]
    [InlineData("\"corda\"", false)]
    [InlineData("\"loftq\"", false)]
    [InlineData("\"unheard-of\"", false)]
    [InlineData("5", false)]
    [InlineData("true", true)]
    [InlineData("false", true)]
    [InlineData("null", true)]
    [InlineData("\"gaussian\"", true)]
    [InlineData("\"eva\"", true)]
    [InlineData("\"orthogonal\"", true)]
    public void Load_InitializersThatChangeTheBase_AreRefusedByName(string initializer, bool isAccepted)
    {
        using var temporary = new TemporaryFolder();
        LoraAdapter.Create(Models.Tiny, new LoraOptions { Rank = 2 }, 1).Save(temporary["adapter"]);
        var path = Path.Combine(temporary["adapter"], "adapter_config.json");
        var text = File.ReadAllText(path);
        const string Plain = "\"init_lora_weights\": true";
        Assert.Contains(Plain, text, StringComparison.Ordinal);
        File.WriteAllText(
            path, text.Replace(Plain, $"\"init_lora_weights\": {initializer}", StringComparison.Ordinal));

        if (isAccepted)
        {
            Assert.Equal(2, LoraAdapter.Load(temporary["adapter"], Models.Tiny).Options.Rank);
            return;
        }

        var fault = Assert.Throws<ModelFileException>(() => LoraAdapter.Load(temporary["adapter"], Models.Tiny));
        Assert.Contains(
            $"init_lora_weights is {initializer.Replace('"', '\'')}", fault.Problem, StringComparison.Ordinal);
    }

    /// <summary>Values as PEFT and tools on it write them; null: refused.</summary>
    [Theory]
    [InlineData("model.", "\"all-linear\"", LoraTargets.All)]
    [InlineData("model.", "\"ALL-LINEAR\"", LoraTargets.All)]
    [InlineData("model.", "[\"q_proj\", \"v_proj\"]", LoraTargets.Query | LoraTargets.Value)]
    [InlineData("model.", "[\"self_attn.q_proj\", \"fc1\", \"out_proj\"]", LoraTargets.Query)]
    [InlineData("model.", "\".*mlp.*\"", LoraTargets.FeedForward)]
    [InlineData(
        "model.", "\"model\\\\.layers\\\\.\\\\d+\\\\.self_attn\\\\.[qk]_proj\"",
        LoraTargets.Query | LoraTargets.Key)]
    [InlineData(
        "model.language_model.",
        "\"model.language_model.layers.[\\\\d]+.(mlp|cross_attn|self_attn).(up|down|gate|q|k|v|o)_proj\"",
        LoraTargets.All)]
    [InlineData(
        "language_model.model.",
        "\"(?:.*?(?:language|text).*?(?:self_attn|attention|attn|mlp|feed_forward|ffn|dense).*?(?:q_proj|k_proj|v_proj"
        + "|o_proj|gate_proj|up_proj|down_proj).*?)\"",
        LoraTargets.All)]
    [InlineData("model.", "\"q_proj\"", LoraTargets.None)]
    [InlineData("model.", "[\"proj\"]", LoraTargets.None)]
    [InlineData("model.", "[]", LoraTargets.None)]
    [InlineData("model.", "[\"q_proj\", 5]", LoraTargets.None)]
    [InlineData("model.", "5", LoraTargets.None)]
    [InlineData("model.", "\"([unclosed\"", LoraTargets.None)]
    [InlineData("model.", "\"(a|b|[^0]|.)*(x+x+)+y\"", LoraTargets.None)]
    [InlineData("model.", "[\"layers.0.self_attn.q_proj\"]", LoraTargets.None)]
    public void Resolve_TargetModules_AreThoseOfPeftOrRefusedByName(string prefix, string json, LoraTargets wanted)
    {
        using var value = JsonDocument.Parse(json);

        if (wanted != LoraTargets.None)
        {
            Assert.Equal(wanted, LoraTargetModules.Resolve("a.json", value.RootElement, prefix, 12));
            return;
        }

        var fault = Assert.Throws<ModelFileException>(
            () => LoraTargetModules.Resolve("a.json", value.RootElement, prefix, 12));
        Assert.Contains("target_modules", fault.Problem, StringComparison.Ordinal);
    }

    [Fact]
    public void Load_TensorsOfThePicturePart_AreLeftOutAndCounted()
    {
        using var temporary = new TemporaryFolder();
        var adapter = LoraAdapter.Create(Models.Tiny, new LoraOptions { Rank = 2 }, 1);
        adapter.Save(temporary["adapter"]);
        Rewrite(temporary["adapter"], "base_model.model.model.vision_tower.layers.0.fc1.lora_A.weight");

        var back = LoraAdapter.Load(temporary["adapter"], Models.Tiny);

        Assert.Equal((1, adapter.Tensors.Count), (back.LeftOut, back.Tensors.Count));
        Rewrite(temporary["adapter"], "base_model.model.lm_head.lora_A.weight");
        Assert.Throws<ModelFileException>(() => LoraAdapter.Load(temporary["adapter"], Models.Tiny));
    }

    /// <summary>Adds a tensor to the adapter's own.</summary>
    private static void Rewrite(string folder, string more)
    {
        var path = Path.Combine(folder, LoraAdapter.FileName);
        var tensors = new Dictionary<string, HostTensor>(StringComparer.Ordinal)
        {
            [more] = HostTensor.Zeros(DType.Float32, new Shape(2, 4)),
        };
        using (var file = SafetensorsFile.Open(path))
        {
            foreach (var name in file.Tensors.Keys)
            {
                tensors[name] = file.ReadFloats(name);
            }
        }

        File.Delete(path);
        SafetensorsWriter.Write(path, tensors, WeightPrecision.F32);
    }

    private static JsonElement Json(string folder) =>
        JsonDocument.Parse(File.ReadAllText(Path.Combine(folder, "adapter_config.json"))).RootElement.Clone();

    /// <summary>A value to compare; PEFT keeps the target modules as a set, whose order means nothing.</summary>
    private static string Sorted(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Array => string.Join(",", value.EnumerateArray().Select(item => item.ToString()).Order()),
        JsonValueKind.Number => $"{value.GetDouble()}",
        _ => value.GetRawText(),
    };

    /// <summary>The model's folder, and the adapter's name in it.</summary>
    private static (string Folder, string Variant) Split(string adapted)
    {
        var folder = Fixtures.Folder(adapted);
        return (Path.GetDirectoryName(folder)!, Path.GetFileName(folder));
    }
}
