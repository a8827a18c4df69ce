using Workflows.TpuWorker.Gemma3;
using Workflows.TpuWorker.Gemma3.Decoding;

namespace Workflows.TpuWorker.Tests.Gemma3.Lean;

/// <summary>Decoding over a plugin, beside decoding over ONNX Runtime.</summary>
[Collection(PluginBesideOnnxTests.Name)]
public sealed class PjrtTextDecoderTests
{
    private static readonly int[][] Prompts =
        [[2, 7, 9, 11], [2, 40], [2, 3, 4, 5, 6, 7, 8, 9, 10, 11], [2, 60, 61], [2, 90, 17, 44, 13], [2]];

    [Theory]
    [InlineData(false, 1, 1, 9)]
    [InlineData(false, 4, 2, 4)]
    [InlineData(true, 1, 1, 20)]
    [InlineData(true, 4, 1, 1)]
    [InlineData(true, 3, 1, 17)]
    [InlineData(true, 8, 4, 12)]
    [InlineData(true, 2, 3, 1)]
    public async Task Generate_ThroughAPlugin_GivesTheTokensOfOnnxRuntime(
        bool isReal, int batch, int beams, int longest)
    {
        var executor = await PjrtExecutors.StartOrSkipAsync(isReal);
        var options = new DecodeOptions { MaxNewTokens = longest, BatchSize = batch, BeamSize = beams };
        var prompts = isReal ? Prompts : Prompts[..2];
        using var expected = new OnnxExecutor(1).CreateDecoder(LeanCases.Model);
        using var actual = executor.CreateDecoder(LeanCases.Model);
        var done = new List<int>();

        var tokens = actual.Generate(prompts, options, done.Add, default);

        Assert.Equal(expected.Generate(prompts, options, null, default), tokens);
        Assert.Equal(Enumerable.Range(1, prompts.Length), done);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public async Task Generate_SplitOverDevices_GivesTheTokensOfOne(int beams)
    {
        var executor = await PjrtExecutors.StartOrSkipAsync(isReal: true, devices: 4);
        var options = new DecodeOptions { MaxNewTokens = 11, BatchSize = 6, BeamSize = beams };
        using var expected = new OnnxExecutor(1).CreateDecoder(LeanCases.Model);
        using var actual = executor.CreateDecoder(LeanCases.Model);

        Assert.Equal(
            expected.Generate(Prompts, options, null, default), actual.Generate(Prompts, options, null, default));
    }

    [Fact]
    public async Task Generate_OtherStopTokens_EndWhereTheCallerSays()
    {
        var executor = await PjrtExecutors.StartOrSkipAsync(isReal: true);
        using var onHost = new OnnxExecutor(1).CreateDecoder(LeanCases.Model);
        using var onDevice = executor.CreateDecoder(LeanCases.Model);
        var free = onHost.Generate(
            Prompts, new DecodeOptions { MaxNewTokens = 12, StopTokens = [] }, null, default);
        var options = new DecodeOptions { MaxNewTokens = 12, StopTokens = [free[0][3], free[2][5]] };

        var tokens = onDevice.Generate(Prompts, options, null, default);

        Assert.Equal(onHost.Generate(Prompts, options, null, default), tokens);
        Assert.Contains(tokens, text => text.Length < 12);
    }

    [Fact]
    public async Task Generate_ScoresThatAreNoNumbers_AreRefusedByPrompt()
    {
        var executor = await PjrtExecutors.StartOrSkipAsync(isReal: false);
        var broken = Gemma3Checkpoint.CreateRandom(LeanCases.Model.Config, 3);
        broken.Parameters["model.norm.weight"].Floats[3] = float.NaN;
        using var decoder = executor.CreateDecoder(broken);

        foreach (var beams in (int[])[1, 2])
        {
            var fault = Assert.Throws<NonFiniteOutputException>(() => decoder.Generate(
                [[2, 7]], new DecodeOptions { MaxNewTokens = 3, BeamSize = beams, BatchSize = 2 }, null, default));
            Assert.Equal((0, 1), (fault.Prompt, fault.Position));
        }
    }

    [Fact]
    public async Task Generate_PromptsThatCannotBe_AreRefusedBeforeTheDevice()
    {
        var executor = await PjrtExecutors.StartOrSkipAsync(isReal: false);
        using var decoder = executor.CreateDecoder(LeanCases.Model);
        var options = new DecodeOptions { MaxNewTokens = 3 };

        Assert.Throws<ModelInputException>(() => decoder.Generate([[]], options, null, default));
        Assert.Throws<ModelInputException>(() => decoder.Generate([[2, 96]], options, null, default));
        Assert.Throws<ModelInputException>(() => decoder.Generate([new int[254]], options, null, default));
        Assert.Empty(decoder.Generate([], options, null, default));
        Assert.Equal(0, executor.ProgramCount);
    }
}
