using Workflows.Artifacts;
using Workflows.ModelFiles;
using Workflows.TpuWorker.Gemma3;
using Workflows.TpuWorker.Gemma3.Decoding;
using Workflows.TpuWorker.Host.Devices;
using Workflows.TpuWorker.Protocol;
using Workflows.Translation;

namespace Workflows.TpuWorker.Host;

/// <summary>Translates the test set.</summary>
internal sealed partial class JobRunner
{
    /// <summary>Suffix of the list of lines, from 1, that the token limit cut off.</summary>
    private const string UnfinishedEnding = ".unfinished";

    private async Task<JobEnded> TranslateAsync(TranslateJob job, CancellationToken stop)
    {
        files.KeepOnly(job.Models.Select(model => model.Directory).Append(job.PairsFile));
        var pairs = JobInput.ReadPairs(await files.FileAsync(job.PairsFile, stop)).ToList();
        var total = pairs.Count * job.Models.Count;
        var begun = clock.GetTimestamp();
        var done = 0;
        var used = new TranslateResult
        {
            BeamSize = Math.Max(1, job.BeamSize),
            LengthPenalty = job.HasLengthPenalty ? job.LengthPenalty : 1,
        };
        _steps = total;
        await BringProgramsAsync(job.ProgramDirectory, stop);
        foreach (var model in job.Models)
        {
            var output = ArtifactUri.Parse(model.OutputFile);
            if (await files.Store.FindAsync(output, stop) is not null)
            {
                // An earlier worker finished this one; files appear whole or not at all.
                done += pairs.Count;
                continue;
            }

            var code = model.Direction.Length > 0 ? model.Direction : job.Direction;
            var direction = JobInput.Directions(code) is [var one]
                ? one
                : throw new ModelInputException("direction", $"is '{code}', wanted ko-en or en-ko for one translation");
            var folder = await files.ModelAsync(model.Directory, stop);
            var prompts = Prompts.Load(folder, direction, job.PromptStyle, job.PromptTemplate);
            var config = Gemma3Checkpoint.ReadConfig(folder);
            var (asked, truncated) = Ask(job, prompts, config, pairs);
            (used.PromptTemplate, used.Truncated) = (JobInput.Name(prompts.Template), used.Truncated + truncated);
            var before = done;
            var (startedAt, compiled) = (clock.GetTimestamp(), Compiled()?.Seconds ?? 0);
            var outputs = await device.DecodeAsync(new DecodeWork(folder, asked, Options(job, prompts)), finished =>
            {
                done = before + finished;
                Report(done == total, new Progress
                {
                    JobId = jobId,
                    Step = done,
                    Steps = total,
                    Tokens = used.Tokens,
                    TokensPerSecond = done / Math.Max(1e-3, clock.GetElapsedTime(begun).TotalSeconds),
                    Detail = $"translating {direction.Code()} with the {model.Name} model",
                });
            }, stop);
            done = before + pairs.Count;
            used.Decoded.Add(new DecodedModel
            {
                Name = model.Name,
                Direction = direction.Code(),
                Seconds = Math.Max(
                    0, clock.GetElapsedTime(startedAt).TotalSeconds - ((Compiled()?.Seconds ?? 0) - compiled)),
                Texts = pairs.Count,
                Characters = pairs.Sum(pair => (long)prompts.Source(pair).EnumerateRunes().Count()),
            });
            used.Tokens += outputs.Sum(output => (long)output.Length);

            // The list is written first, so that it exists if the translations do.
            await files.Store.WriteBytesAsync(
                ArtifactUri.Parse(model.OutputFile + UnfinishedEnding),
                Lines(CutOff(outputs, job.MaxNewTokens, prompts.StopTokens)), WriteCondition.None, stop);
            await files.Store.WriteBytesAsync(
                output, Lines(outputs.Select(prompts.Answer)), WriteCondition.None, stop);
            await ShareProgramsAsync(stop);
        }

        used.Compile = Compiled();
        return new JobEnded { JobId = jobId, Succeeded = true, TranslateResult = used };
    }

    private static IEnumerable<string> CutOff(int[][] outputs, int longest, IReadOnlyList<int> stops) => outputs.Index()
        .Where(output => output.Item.Length >= longest && !stops.Contains(output.Item[^1]))
        .Select(output => $"{output.Index + 1}");

    private static DecodeOptions Options(TranslateJob job, Prompts prompts) => new()
    {
        MaxNewTokens = job.MaxNewTokens,
        BatchSize = job.BatchSize,
        StopTokens = prompts.StopTokens,
        BeamSize = Math.Max(1, job.BeamSize),
        LengthPenalty = job.HasLengthPenalty ? job.LengthPenalty : 1,
    };

    /// <summary>Builds the prompts, each within the limit: truncated or refused by the job's setting.</summary>
    private static (int[][] Prompts, int Truncated) Ask(
        TranslateJob job, Prompts prompts, Gemma3Config config, List<SentencePair> pairs)
    {
        var truncates = TrainSettings.Choose("long input", job.LongInput, "refuse", new Dictionary<string, bool>
        {
            ["refuse"] = false,
            ["truncate"] = true,
        });
        var most = config.MaxPositions - job.MaxNewTokens;
        var longest = job.MaxPromptTokens > 0 ? Math.Min(job.MaxPromptTokens, most) : most;
        var (asked, truncated) = (new int[pairs.Count][], 0);
        for (var i = 0; i < asked.Length; i++)
        {
            asked[i] = prompts.Prompt(prompts.Source(pairs[i]), longest, out var length);
            if (length > longest && (!truncates || asked[i].Length > longest))
            {
                throw new ModelInputException(
                    $"source text {i + 1}", $"makes a prompt of {length} tokens, wanted {longest} at most");
            }

            truncated += length > longest ? 1 : 0;
        }

        return (asked, truncated);
    }
}
