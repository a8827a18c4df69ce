namespace Workflows.ModelFiles.Tests;

public sealed class ModelFolderTests
{
    [Fact]
    public void Open_SparseNestedConfig_HasTheDefaultsOfTransformers()
    {
        using var maker = ModelMaker.Multimodal();
        maker.Write(shards: 2);

        var folder = ModelFolder.Open(maker.Folder);
        using var weights = folder.OpenWeights();

        var config = folder.Config;
        Assert.Equal((262_208, 8.0, 1.0), (config.VocabularySize, config.GlobalRopeFactor, config.LocalRopeFactor));
        Assert.Equal((2, 0), (config.BeginToken, config.PadToken));
        Assert.Equal([1, 6], config.EndTokens);
        Assert.Equal((2, WeightPrecision.BF16), (weights.FileCount, weights.Precision));
        Assert.StartsWith(
            "language_model.model.", weights.Find(Gemma3Tensors.Embedding).StoredName, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Open_PatternOrLayerTypes_SaysWhichLayersAreGlobal(bool hasTypes)
    {
        using var maker = hasTypes ? ModelMaker.Smallest() : ModelMaker.OneBillion();
        maker.Config["sliding_window_pattern"] = 2;
        maker.Write();

        var config = ModelFolder.Open(maker.Folder).Config;

        Assert.Equal((false, true), (config.IsGlobal(0), config.IsGlobal(1)));
    }

    [Fact]
    public void OpenWeights_IndexBesideASingleFile_TakesTheSingleFile()
    {
        using var maker = ModelMaker.OneBillion();
        maker.Write(shards: 2);
        maker.Write();

        using var weights = ModelFolder.Open(maker.Folder).OpenWeights();

        Assert.Equal((1, true), (weights.FileCount, weights.IgnoresIndex));
        Assert.Equal(maker.PathOf("model.safetensors"), weights.Find(Gemma3Tensors.FinalNorm).File.Path);
    }

    [Fact]
    public void OpenWeights_OutputMatrixEqualToTheEmbedding_IsAccepted()
    {
        using var maker = ModelMaker.OneBillion();
        maker.Tensors["lm_head.weight"] = maker.Tensors["model.embed_tokens.weight"];
        maker.Write();
        CopyTensor(maker, "model.embed_tokens.weight", "lm_head.weight");

        using var weights = ModelFolder.Open(maker.Folder).OpenWeights();

        Assert.Equal(1, weights.FileCount);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void RangesReadOnOpening_WithAnOutputMatrix_AreAllThatAViewNeedsBesidesHeaders(bool isEqual)
    {
        using var maker = ModelMaker.OneBillion();
        maker.Tensors["lm_head.weight"] = maker.Tensors["model.embed_tokens.weight"];
        maker.Write();
        if (isEqual)
        {
            CopyTensor(maker, "model.embed_tokens.weight", "lm_head.weight");
        }

        var path = maker.PathOf("model.safetensors");
        var whole = File.ReadAllBytes(path);
        var view = new byte[whole.Length];
        var header = sizeof(ulong) + (int)BitConverter.ToUInt64(whole);
        whole.AsSpan(0, header).CopyTo(view);
        File.WriteAllBytes(path, view);
        var ranges = ModelWeights.RangesReadOnOpening(maker.Folder);
        foreach (var (file, offset, length) in ranges)
        {
            Assert.Equal(path, file);
            whole.AsSpan((int)offset, length).CopyTo(view.AsSpan((int)offset));
        }

        File.WriteAllBytes(path, view);

        Assert.NotEmpty(ranges);
        if (isEqual)
        {
            using var weights = ModelFolder.Open(maker.Folder).OpenWeights();
            Assert.Equal(1, weights.FileCount);
            return;
        }

        Assert.Contains("differs from the embedding", Assert.Throws<ModelFileException>(
            () => ModelFolder.Open(maker.Folder).OpenWeights()).Problem, StringComparison.Ordinal);
    }

    [Fact]
    public void RequireValues_Cancelled_StopsBeforeItReads()
    {
        using var maker = ModelMaker.OneBillion();
        using var weights = ModelFolder.Open(maker.Write().Folder).OpenWeights();

        Assert.ThrowsAny<OperationCanceledException>(() => weights.RequireValues(new CancellationToken(true)));
    }

    [Fact]
    public void LoadTokenizer_TokenWithoutARow_ItsNameEncodesAsOrdinaryText()
    {
        using var maker = ModelMaker.OneBillion();
        maker.Write();

        var tokenizer = ModelFolder.Open(maker.Folder).LoadTokenizer();

        Assert.Equal(maker.TokenCount + 1, tokenizer.VocabularySize);
        foreach (var ids in (int[][])
            [tokenizer.EncodeText($"a {ModelMaker.ImageToken} b"), tokenizer.Encode($"a {ModelMaker.ImageToken} b")])
        {
            Assert.All(ids, id => Assert.InRange(id, 0, maker.TokenCount - 1));
            Assert.Equal($"a {ModelMaker.ImageToken} b", tokenizer.Decode(ids));
        }
    }

    [Fact]
    public void LoadTokenizer_PlainAddedTokenWithoutARow_ItsNameEncodesAsOrdinaryText()
    {
        using var maker = ModelMaker.OneBillion();
        maker.Tokenizer["added_tokens"]!.AsArray().Add(ModelMaker.Added(maker.TokenCount + 1, "<plain>", false));
        maker.Write();

        var ids = ModelFolder.Open(maker.Folder).LoadTokenizer().EncodeText("<plain>");

        Assert.All(ids, id => Assert.InRange(id, 0, maker.TokenCount - 1));
    }

    [Theory]
    [InlineData("chat_template.jinja", "one")]
    [InlineData("chat_template.json", """{"chat_template": "one"}""")]
    [InlineData("tokenizer_config.json", """{"chat_template": "one"}""")]
    [InlineData(
        "tokenizer_config.json",
        """{"chat_template": [{"name": "tools", "template": "two"}, {"name": "default", "template": "one"}]}""")]
    public void Template_OfAnyFile_IsRead(string file, string content)
    {
        using var maker = ModelMaker.OneBillion();
        maker.Write();
        File.WriteAllText(maker.PathOf(file), content);

        var folder = ModelFolder.Open(maker.Folder);

        Assert.Equal("one", folder.Template);
        Assert.True(folder.IsChat(-1));
    }

    [Fact]
    public void Template_OfSeveralFiles_IsTheFirstInTheOrderOfTransformers()
    {
        using var maker = ModelMaker.OneBillion();
        maker.Write();
        File.WriteAllText(maker.PathOf("tokenizer_config.json"), """{"chat_template": "3"}""");
        File.WriteAllText(maker.PathOf("chat_template.json"), """{"chat_template": "2"}""");
        Assert.Equal("2", ModelFolder.Open(maker.Folder).Template);

        File.WriteAllText(maker.PathOf("chat_template.jinja"), "1");
        Assert.Equal("1", ModelFolder.Open(maker.Folder).Template);
    }

    [Theory]
    [InlineData("[1, 6]", null, null, true)]
    [InlineData("1", "[1, 6]", null, true)]
    [InlineData("1", "1", null, false)]
    [InlineData("[1, 6]", null, "{}", false)]
    [InlineData("[1, 6]", null, """{"chat_template": null}""", false)]
    public void IsChat_WithoutATemplate_GoesByTheEndTokensUnlessATokenizerConfigSays(
        string configEnds, string? generationEnds, string? tokenizerConfig, bool isChat)
    {
        using var maker = ModelMaker.OneBillion();
        maker.Config["eos_token_id"] = System.Text.Json.Nodes.JsonNode.Parse(configEnds);
        maker.Write();
        if (generationEnds is not null)
        {
            File.WriteAllText(maker.PathOf("generation_config.json"), $$"""{"eos_token_id": {{generationEnds}}}""");
        }

        if (tokenizerConfig is not null)
        {
            File.WriteAllText(maker.PathOf("tokenizer_config.json"), tokenizerConfig);
        }

        Assert.Equal(isChat, ModelFolder.Open(maker.Folder).IsChat(6));
    }

    [Fact]
    public void Companions_FilesOfATextModelAlone_AreListed()
    {
        using var maker = ModelMaker.OneBillion();
        maker.Write();
        foreach (var name in (string[])
            ["adapter_config.json", "preprocessor_config.json", "README.md", "tokenizer.model", "chat_template.jinja"])
        {
            File.WriteAllText(maker.PathOf(name), "{}");
        }

        var names = ModelFolder.Companions(maker.Folder).Select(Path.GetFileName);

        Assert.Equal(["chat_template.jinja", "tokenizer.json", "tokenizer.model"], names);
    }

    [Theory]
    [InlineData(ModelFault.Damaged)]
    [InlineData(ModelFault.Unsupported)]
    [InlineData(ModelFault.Vocabulary)]
    [InlineData(ModelFault.Tokenizer)]
    public void CodeOf_EveryFault_IsInTheDocumentation(ModelFault fault)
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder.FullName, "Workflows.sln")))
        {
            folder = folder.Parent
                ?? throw new InvalidOperationException("Workflows.sln is in no folder above the tests.");
        }

        var documented = File.ReadAllText(Path.Combine(folder.FullName, "docs", "errors.md"));

        Assert.Contains($"`{ModelFileException.CodeOf(fault)}`", documented, StringComparison.Ordinal);
    }

    private static void CopyTensor(ModelMaker maker, string from, string to)
    {
        var path = maker.PathOf("model.safetensors");
        var bytes = File.ReadAllBytes(path);
        var header = maker.ReadHeader();
        var data = sizeof(ulong) + (int)BitConverter.ToUInt64(bytes);
        int Place(string name, int at) => data + header[name]!["data_offsets"]![at]!.GetValue<int>();
        bytes.AsSpan(Place(from, 0)..Place(from, 1)).CopyTo(bytes.AsSpan(Place(to, 0)));
        File.WriteAllBytes(path, bytes);
    }
}
