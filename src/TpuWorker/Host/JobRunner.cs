using System.Text;
using System.Text.Json;
using Workflows.Translation;
using Workflows.Translation.Tokenization;
using Workflows.TpuWorker.Gemma3;
using Workflows.TpuWorker.Gemma3.Decoding;
using Workflows.TpuWorker.Gemma3.Training;
using Workflows.TpuWorker.Tensors;
using Workflows.TpuWorker.Protocol;

namespace Workflows.TpuWorker.Host;

/// <summary>Does one job and says how it ended; nothing that a job does can end the worker.</summary>
internal sealed class JobRunner(string jobId, TimeProvider clock, Action<Progress> report)
{
    private static readonly TimeSpan ReportEvery = TimeSpan.FromMilliseconds(250);
    private static readonly int Threads = Math.Max(1, Environment.ProcessorCount);
    private long _lastReport;

    public async Task<JobEnded> RunAsync(Job job, CancellationToken stop)
    {
        try
        {
            return job.KindCase switch
            {
                Job.KindOneofCase.Train => new JobEnded
                {
                    JobId = jobId,
                    Succeeded = true,
                    TrainResult = await Task.Run(() => Train(job.Train, stop), stop),
                },
                Job.KindOneofCase.Translate => await Task.Run(() => Translate(job.Translate, stop), stop),
                _ => Failed(
                    "UNKNOWN_JOB",
                    $"This worker does not know the job '{job.KindCase}'; it is older than the service."),
            };
        }
        catch (OperationCanceledException)
        {
            return Failed("STOPPED", "The job was stopped.");
        }
        catch (TpuWorkerException exception)
        {
            return Failed(exception.ErrorCode, exception.Message);
        }
        catch (Exception exception)
        {
            // The host's boundary: a job that dies of anything is a failed job, and is reported as such.
            return Failed("WORKER_FAILED", $"{exception.GetType().Name}: {exception.Message}");
        }
    }

    private TrainResult Train(TrainJob job, CancellationToken stop)
    {
        var tokenizer = BpeTokenizer.Load(Path.Combine(job.ModelDirectory, "tokenizer.json"));
        string[] directions = job.Direction == "both" ? ["ko-en", "en-ko"] : [job.Direction];
        var prompts = Array.ConvertAll(directions, each => new Prompts(tokenizer, each, job.PromptStyle));
        var options = new FineTuneOptions
        {
            Steps = job.Steps,
            BatchSize = job.BatchSize,
            LearningRate = job.LearningRate,
            WarmupSteps = job.WarmupSteps,
            WeightDecay = job.WeightDecay,
            MaxLength = job.MaxLength,
            CheckpointEverySteps = job.CheckpointEverySteps,
            Threads = Threads,
            Seed = (ulong)(uint)job.Seed,
        };
        var begun = clock.GetTimestamp();
        var checkpointStep = 0;
        var meter = new TrainingMeter(clock);
        using var tuner = new FineTuner(
            Gemma3Checkpoint.Load(job.ModelDirectory), options,
            [.. ReadPairs(job.PairsFile).SelectMany(pair => prompts.Select(prompt => prompt.Example(pair)))]);
        var result = tuner.Run(
            job.CheckpointDirectory,
            step =>
            {
                meter.Count(step);
                checkpointStep = step.CheckpointPath is null ? checkpointStep : step.Step;
                var isDue = step.Step == 1 || step.Step == step.Steps || step.CheckpointPath is not null;
                Report(isDue, new Progress
                {
                    JobId = jobId,
                    Step = step.Step,
                    Steps = step.Steps,
                    Loss = step.Loss,
                    LearningRate = step.LearningRate,
                    GradientNorm = step.GradientNorm,
                    Tokens = step.Tokens,
                    TokensPerSecond = meter.TokensPerSecond,
                    CheckpointStep = checkpointStep,
                    Detail = "training",
                });
            },
            stop);

        tuner.CreateCheckpoint().Save(job.OutputDirectory);
        return new TrainResult
        {
            Steps = result.Steps,
            ResumedFromStep = result.ResumedFromStep,
            Tokens = result.Tokens,
            TokensPerSecond = meter.TokensPerSecond,
            FirstLoss = result.FirstLoss,
            FinalLoss = meter.RecentLoss ?? result.FinalLoss,
            Seconds = clock.GetElapsedTime(begun).TotalSeconds,
            TooLong = result.SkippedExamples,
        };
    }

    private JobEnded Translate(TranslateJob job, CancellationToken stop)
    {
        var pairs = ReadPairs(job.PairsFile).ToList();
        var total = pairs.Count * job.Models.Count;
        var begun = clock.GetTimestamp();
        var done = 0;
        long tokens = 0;
        foreach (var model in job.Models)
        {
            if (File.Exists(model.OutputFile))
            {
                // An earlier worker finished this one; files appear whole or not at all.
                done += pairs.Count;
                continue;
            }

            var tokenizer = BpeTokenizer.Load(Path.Combine(model.Directory, "tokenizer.json"));
            var direction = model.Direction.Length > 0 ? model.Direction : job.Direction;
            var prompts = new Prompts(tokenizer, direction, job.PromptStyle);
            using var decoder = new GreedyDecoder(Gemma3Checkpoint.Load(model.Directory), Threads);
            var before = done;
            var outputs = decoder.Generate(
                [.. pairs.Select(prompts.Prompt)],
                new DecodeOptions
                {
                    MaxNewTokens = job.MaxNewTokens,
                    BatchSize = job.BatchSize,
                    StopTokens = prompts.StopTokens,
                },
                finished =>
                {
                    done = before + finished;
                    Report(done == total, new Progress
                    {
                        JobId = jobId,
                        Step = done,
                        Steps = total,
                        Tokens = tokens,
                        TokensPerSecond = done / Math.Max(1e-3, clock.GetElapsedTime(begun).TotalSeconds),
                        Detail = $"translating {direction} with the {model.Name} model",
                    });
                },
                stop);
            done = before + pairs.Count;
            tokens += outputs.Sum(output => output.Length);
            WriteWhole(model.OutputFile, outputs.Select(prompts.Answer));
        }

        return new JobEnded { JobId = jobId, Succeeded = true };
    }

    private void Report(bool isDue, Progress progress)
    {
        if (isDue || clock.GetElapsedTime(_lastReport) >= ReportEvery)
        {
            _lastReport = clock.GetTimestamp();
            report(progress);
        }
    }

    private static IEnumerable<SentencePair> ReadPairs(string path) => File.ReadLines(path).Select(line =>
    {
        using var document = JsonDocument.Parse(line);
        return new SentencePair(
            document.RootElement.GetProperty("ko").GetString()!, document.RootElement.GetProperty("en").GetString()!);
    });

    private static void WriteWhole(string path, IEnumerable<string> lines)
    {
        var aside = path + ".new";
        using (var stream = new FileStream(aside, FileMode.Create, FileAccess.Write))
        {
            using var writer = new StreamWriter(stream, new UTF8Encoding(false), leaveOpen: true) { NewLine = "\n" };
            foreach (var line in lines)
            {
                writer.WriteLine(line);
            }

            writer.Flush();
            stream.Flush(flushToDisk: true);
        }

        File.Move(aside, path, overwrite: true);
    }

    private JobEnded Failed(string code, string message) =>
        new() { JobId = jobId, Succeeded = false, ErrorCode = code, ErrorMessage = message };
}
