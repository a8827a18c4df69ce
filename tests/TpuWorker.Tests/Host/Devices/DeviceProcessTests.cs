using System.Diagnostics;
using Workflows.Artifacts;
using Workflows.Pjrt.Tests;
using Workflows.TestKit;
using Workflows.TpuWorker.Gemma3.Decoding;
using Workflows.TpuWorker.Host;
using Workflows.TpuWorker.Host.Devices;
using Workflows.TpuWorker.Protocol;

namespace Workflows.TpuWorker.Tests.Host.Devices;

/// <summary>The process that holds a plugin, with the CPU plugin in it.</summary>
public sealed class DeviceProcessTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly StringWriter _log = new();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public void Dispose()
    {
        _log.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public async Task TrainAsync_AndDecodeAsync_GiveWhatTheProcessorGives()
    {
        await using var device = await OpenOrSkipAsync();
        var (steps, losses) = (new List<double>(), new List<double>());
        await using var processor = new ProcessorDevice(TimeProvider.System);

        var expected = await processor.TrainAsync(Job("processor"), step => losses.Add(step.Loss), Cancellation);
        var actual = await device.TrainAsync(Job("device"), step => steps.Add(step.Loss), Cancellation);

        Assert.StartsWith("cpu cpu x", device.Description, StringComparison.Ordinal);
        Assert.Equal(6, steps.Count);
        Assert.All(losses.Zip(steps), pair => Assert.Equal(pair.First, pair.Second, 1e-3 * pair.First));
        Assert.Equal(
            (expected.Steps, expected.Tokens, expected.TrainedParameters),
            (actual.Steps, actual.Tokens, actual.TrainedParameters));
        var work = new DecodeWork(
            _folder["device/tuned"], [[2, 4, 5, 6], [2, 7], [2, 9, 8]],
            new DecodeOptions { MaxNewTokens = 9, BatchSize = 2 });
        var done = new List<int>();
        Assert.Equal(
            await processor.DecodeAsync(work, _ => { }, Cancellation),
            await device.DecodeAsync(work, done.Add, Cancellation));
        Assert.Equal([1, 2, 3], done);
    }

    [Fact]
    public async Task TrainAsync_ProcessKilledInTheMiddle_GoesOnFromTheNewestCheckpoint()
    {
        await using var device = await OpenOrSkipAsync();
        var job = Job("device");
        (job.Steps, job.CheckpointEverySteps) = (60, 5);
        var seen = new List<int>();
        var killed = 0;

        var result = await device.TrainAsync(job, step =>
        {
            seen.Add(step.Step);
            if (step.Step >= 12 && step.CheckpointStep > 0 && killed++ == 0)
            {
                Process.GetProcessById(device.ProcessId!.Value).Kill();
            }
        }, Cancellation);

        Assert.Equal(60, result.Steps);
        Assert.InRange(result.ResumedFromStep, 5, 55);
        Assert.Contains(result.ResumedFromStep + 1, seen[seen.IndexOf(12)..]);
        Assert.Contains("It is started again", _log.ToString(), StringComparison.Ordinal);
        Assert.Equal(Enumerable.Range(1, 60), seen.Distinct().Order());
    }

    [Fact]
    public async Task TrainAsync_ToldToStop_SavesTheLastStepAndEnds()
    {
        await using var device = await OpenOrSkipAsync();
        using var stop = new CancellationTokenSource();
        var job = Job("device");
        job.Steps = 100_000;

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => device.TrainAsync(job, step =>
        {
            if (step.Step == 3)
            {
                stop.Cancel();
            }
        }, stop.Token));

        var saved = Assert.Single(Directory.GetDirectories(_folder["device/checkpoints"]));
        Assert.True(string.CompareOrdinal(Path.GetFileName(saved), "step-00000003") >= 0, saved);

        // The process is there for the next job.
        job.Steps = 1;
        job.CheckpointDirectory = _folder["other"];
        Assert.Equal(1, (await device.TrainAsync(job, _ => { }, Cancellation)).Steps);
    }

    [Fact]
    public async Task TrainAsync_JobThatCannotBeDone_IsRefusedWithItsOwnCode()
    {
        await using var device = await OpenOrSkipAsync();
        var (broken, wrong) = (Job("device"), Job("device"));
        wrong.Direction = "fr-en";
        broken.ModelDirectory = _folder["missing"];

        var input = await Assert.ThrowsAsync<DeviceException>(() => device.TrainAsync(wrong, _ => { }, Cancellation));
        var model = await Assert.ThrowsAsync<DeviceException>(() => device.TrainAsync(broken, _ => { }, Cancellation));

        Assert.Equal("model.input", input.ErrorCode);
        Assert.Contains("fr-en", input.Message, StringComparison.Ordinal);
        Assert.Equal("MODEL_FILES_DAMAGED", model.ErrorCode);
    }

    [Fact]
    public async Task TrainAsync_ProcessThatDiesAtOnceAgainAndAgain_IsALostDevice()
    {
        await using var device = await OpenOrSkipAsync();
        var job = Job("device");
        job.Steps = 1000;

        var fault = await Assert.ThrowsAsync<DeviceException>(() => device.TrainAsync(job, step =>
        {
            if (step.Step == 1)
            {
                Process.GetProcessById(device.ProcessId!.Value).Kill();
            }
        }, Cancellation));

        Assert.Equal("DEVICE_LOST", fault.ErrorCode);
        Assert.Contains("signal 9", fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task OpenAsync_WhatIsNoPlugin_IsRefusedWithItsName()
    {
        await File.WriteAllTextAsync(_folder["nonsense.so"], "no library", Cancellation);

        var fault = await Assert.ThrowsAsync<DeviceException>(() => DeviceProcess.OpenAsync(
            Settings(_folder["nonsense.so"]), _log, Cancellation));

        Assert.Equal("DEVICE_UNUSABLE", fault.ErrorCode);
        Assert.Contains("nonsense.so", fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Choice_OfAPluginThatIsNamed_IsTheDeviceOrABrokenOneAndNeverTheProcessor()
    {
        var path = await CpuPlugin.PathOrSkipAsync();

        await using var named = await ChooseAsync(path);
        await using var broken = await ChooseAsync(_folder["missing.so"]);
        await using var none = await ChooseAsync(null);

        Assert.StartsWith("cpu cpu x", named.Description, StringComparison.Ordinal);
        Assert.StartsWith("tpu, out of order", broken.Description, StringComparison.Ordinal);
        Assert.Equal("onnxruntime cpu", none.Description);
        var fault = await Assert.ThrowsAsync<DeviceException>(
            () => broken.TrainAsync(Job("device"), _ => { }, Cancellation));
        Assert.Equal("DEVICE_UNUSABLE", fault.ErrorCode);
    }

    [Theory]
    [InlineData("WORKFLOWS_PJRT_PRECISION", "half", "'half', wanted full or mixed")]
    [InlineData("WORKFLOWS_PJRT_DEVICES", "all", "'all', wanted 1 or more")]
    [InlineData("WORKFLOWS_PJRT_DEVICES", "0", "'0', wanted 1 or more")]
    [InlineData("WORKFLOWS_PJRT_DEVICES", "99", "99, wanted 1 to ")]
    public async Task Choice_OfAVariableThatCannotBe_IsToldAndNotPassedOver(string variable, string text, string words)
    {
        var path = await CpuPlugin.PathOrSkipAsync();

        await using var device = await ChooseAsync(path, (variable, text));

        Assert.Contains(words, device.Description, StringComparison.Ordinal);
        await Assert.ThrowsAsync<DeviceException>(() => device.TrainAsync(Job("device"), _ => { }, Cancellation));
    }

    [Fact]
    public async Task Choice_OfSeveralDevices_TrainsOnAllOfThem()
    {
        var path = await CpuPlugin.PathOrSkipAsync();

        await using var device = await ChooseAsync(path, ("WORKFLOWS_PJRT_DEVICES", "2"));

        Assert.StartsWith("cpu cpu x2", device.Description, StringComparison.Ordinal);
        Assert.Equal(6, (await device.TrainAsync(Job("device"), _ => { }, Cancellation)).Steps);
    }

    [Fact]
    public async Task Job_OnTheRunsNextVm_LoadsWhatTheLostOneHadCompiled()
    {
        var plugin = await CpuPlugin.PathOrSkipAsync();
        var (first, second) = (Job("first"), Job("second"));
        first.ProgramDirectory = second.ProgramDirectory = $"file://{_folder["programs"]}";

        var (begun, told) = await RunAsync(first, "lost-vm");
        var (ended, _) = await RunAsync(second, "other-vm");

        var compiled = begun.TrainResult.Compile;
        Assert.Equal((true, 0), (compiled.Compiled > 0, compiled.Loaded));
        Assert.Equal((0, compiled.Compiled), (ended.TrainResult.Compile.Compiled, ended.TrainResult.Compile.Loaded));
        Assert.InRange(ended.TrainResult.Compile.Seconds, 0, compiled.Seconds);
        Assert.Equal(begun.TrainResult.FinalLoss, ended.TrainResult.FinalLoss);
        Assert.Contains(told, progress => progress.Detail.StartsWith("compiling ", StringComparison.Ordinal));
        Assert.Equal((0, 6, 0L), (told[0].Step, told[0].Steps, told[0].Tokens));
        Assert.All(told.SkipWhile(progress => progress.Tokens == 0), progress => Assert.Equal(
            "training", progress.Detail));

        async Task<(JobEnded End, List<Progress> Told)> RunAsync(TrainJob job, string vm)
        {
            var told = new List<Progress>();
            var settings = Settings(plugin);
            await using var device = await DeviceProcess.OpenAsync(
                settings with { Open = settings.Open with { ProgramFolder = _folder[$"{vm}/programs"] } }, _log,
                Cancellation);
            var end = await new JobRunner(
                "job", TimeProvider.System, device, new JobFiles(new FileArtifactStore(), _folder[vm]), told.Add, _log)
                .RunAsync(new Job { Train = job }, Cancellation);
            Assert.True(end.Succeeded, end.ErrorMessage);
            return (end, told);
        }
    }

    private Task<IDevice> ChooseAsync(string? plugin, (string Name, string Text)? other = null) =>
        DeviceChoice.OpenAsync(_folder["vm"], name => name switch
        {
            _ when name == other?.Name => other.Value.Text,
            "WORKFLOWS_PJRT_PLUGIN" => plugin,
            "WORKFLOWS_PJRT_FOLDER" => _folder["none"],
            _ => null,
        }, _log, Cancellation);

    private async Task<DeviceProcess> OpenOrSkipAsync() =>
        await DeviceProcess.OpenAsync(Settings(await CpuPlugin.PathOrSkipAsync()), _log, Cancellation);

    private static DeviceSettings Settings(string plugin) => new()
    {
        Command = DeviceChoice.ChildCommand(),
        Open = new OpenOrder(plugin, null, Path.Combine(Path.GetTempPath(), "workflows-test-programs")),
    };

    private TrainJob Job(string name)
    {
        if (!Directory.Exists(_folder["model"]))
        {
            Samples.WriteModel(_folder["model"], 1, 6);
            Samples.WritePairs(_folder["pairs.jsonl"], 12);
        }

        return new TrainJob
        {
            ModelDirectory = _folder["model"],
            PairsFile = _folder["pairs.jsonl"],
            Direction = "ko-en",
            CheckpointDirectory = _folder[$"{name}/checkpoints"],
            OutputDirectory = _folder[$"{name}/tuned"],
            Steps = 6,
            BatchSize = 4,
            LearningRate = 1e-3,
            MaxLength = 64,
            PromptStyle = "brief",
        };
    }
}
