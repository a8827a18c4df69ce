namespace Workflows.ModelFiles.Tests;

/// <summary>
/// The checks before renting and the worker's loader refuse the same folders for the same reasons, and accept the same.
/// </summary>
public sealed class AgreementTests
{
    private static readonly Dictionary<string, Func<ModelMaker>> Sound = new()
    {
        ["1B"] = () => ModelMaker.OneBillion().Write(),
        ["270M"] = () => ModelMaker.Smallest().Write(),
        ["4B in shards"] = () => ModelMaker.Multimodal().Write(shards: 3),
        ["4B of newer transformers"] = () => ModelMaker.Multimodal("model.language_model.").Write(),
        ["vocab_size 262208 said"] = () =>
        {
            var maker = ModelMaker.Multimodal();
            maker.Text["vocab_size"] = 262_208;
            return maker.Write();
        },
        ["one end token, also in generation_config.json"] = () =>
        {
            var maker = ModelMaker.OneBillion();
            maker.Config["eos_token_id"] = 1;
            maker.Write();
            File.WriteAllText(maker.PathOf("generation_config.json"), """{"eos_token_id": 6, "top_k": 64}""");
            return maker;
        },
        ["old index and shards beside the single file"] = () =>
        {
            var maker = ModelMaker.OneBillion();
            maker.Tensors["model.layers.2.mlp.up_proj.weight"] = ("U8", [1]);
            maker.Write(shards: 2);
            maker.Tensors.Remove("model.layers.2.mlp.up_proj.weight");
            return maker.Write();
        },
        ["template null in one file, text in another"] = () =>
        {
            var maker = ModelMaker.OneBillion().Write();
            File.WriteAllText(maker.PathOf("chat_template.json"), """{"chat_template": null}""");
            File.WriteAllText(
                maker.PathOf("tokenizer_config.json"),
                """{"chat_template": [{"name": "default", "template": "<start_of_turn>"}]}""");
            return maker;
        },
        ["added tokens without rows, special and plain"] = () =>
        {
            var maker = ModelMaker.OneBillion();
            maker.Tokenizer["added_tokens"]!.AsArray().Add(ModelMaker.Added(maker.TokenCount + 1, "<plain>", false));
            return maker.Write();
        },
        ["norms at rest, which are zeros"] = () =>
        {
            var maker = ModelMaker.OneBillion().Write();
            maker.WriteTensor("model.norm.weight", 0, new byte[8 * 2]);
            return maker;
        },
        ["one value that is not zero"] = () =>
        {
            var maker = ModelMaker.OneBillion().Write();
            maker.WriteTensor("model.layers.1.mlp.up_proj.weight", 0, new byte[127 * 2]);
            return maker;
        },
        ["the largest numbers and the smallest"] = () =>
        {
            var maker = ModelMaker.OneBillion().Write();
            maker.WriteTensor("model.norm.weight", 0, [0x7F, 0x7F, 0x7F, 0xFF, 0x01, 0x00, 0x01, 0x80]);
            return maker;
        },
        ["link to a regular file"] = () =>
        {
            var maker = ModelMaker.OneBillion().Write();
            File.Move(maker.PathOf("model.safetensors"), maker.PathOf("blob"));
            File.CreateSymbolicLink(maker.PathOf("model.safetensors"), maker.PathOf("blob"));
            return maker;
        },
    };

    public static TheoryData<string> Damages => [.. Damage.All.Keys];

    public static TheoryData<string> SoundNames => [.. Sound.Keys];

    [Theory]
    [MemberData(nameof(Damages))]
    public async Task GateAndLoader_DamagedFolder_BothRefuseWithOneCodeAndTheSameWords(string damage)
    {
        var (code, words, before, after, shards) = Damage.All[damage];
        using var maker = ModelMaker.OneBillion();
        before?.Invoke(maker);
        maker.Write(shards);
        after?.Invoke(maker);

        var (accepted, refused) = await BothSides.CheckBeforeRentingAsync(maker.Folder);
        var fault = BothSides.LoadInWorker(maker.Folder);

        Assert.Null(accepted);
        Assert.NotNull(fault);
        Assert.Equal((code, code), (refused!.Code, fault.ErrorCode));
        Assert.Equal(($"'{fault.Path}': {fault.Problem}.", fault.Fix), (refused.Message, refused.Fix));
        Assert.Contains(words, fault.Problem + fault.Path, StringComparison.Ordinal);
        Assert.StartsWith(maker.Folder, fault.Path, StringComparison.Ordinal);
    }

    [Fact]
    public async Task GateAndLoader_PublishedTokenizer_BothAccept()
    {
        const string Variable = "WORKFLOWS_GEMMA_TOKENIZER";
        const int Rows = 262_144;
        var published = Environment.GetEnvironmentVariable(Variable);
        Assert.SkipWhen(
            string.IsNullOrEmpty(published), $"Set {Variable} to the tokenizer.json of a published Gemma 3.");
        using var maker = ModelMaker.OneBillion();
        maker.Text["vocab_size"] = Rows;
        maker.Text["eos_token_id"] = new System.Text.Json.Nodes.JsonArray(1, 106);
        maker.Tensors[Gemma3Tensors.Embedding] = ("BF16", [Rows, 8]);
        maker.Write();
        File.Copy(published!, maker.PathOf("tokenizer.json"), overwrite: true);

        var (accepted, refused) = await BothSides.CheckBeforeRentingAsync(maker.Folder);
        var fault = BothSides.LoadInWorker(maker.Folder);

        Assert.Null(refused);
        Assert.Null(fault);
        Assert.Contains(
            accepted!.Gates, gate => gate.Detail.StartsWith("262145 tokens of 262144", StringComparison.Ordinal));
        var ids = ModelFolder.Open(maker.Folder).LoadTokenizer().EncodeText(ModelMaker.ImageToken);
        Assert.All(ids, id => Assert.InRange(id, 0, Rows - 1));
    }

    [Theory]
    [MemberData(nameof(SoundNames))]
    public async Task GateAndLoader_SoundFolder_BothAccept(string name)
    {
        using var maker = Sound[name]();

        var (accepted, refused) = await BothSides.CheckBeforeRentingAsync(maker.Folder);
        var fault = BothSides.LoadInWorker(maker.Folder);

        Assert.Null(refused);
        Assert.Null(fault);
        Assert.NotNull(accepted);
    }
}
