using Workflows.Service.Runs;
using Workflows.TpuWorker.Protocol;

namespace Workflows.Service.Workers;

/// <summary>Checks the messages of a worker: numbers must be finite; texts are shortened.</summary>
internal static class WorkerInput
{
    private const int MostText = 4000;
    private const int MostCode = 100;
    private const int MostDecoded = 10;

    /// <summary>The most bytes that a job is believed to have moved, 1 PiB: far above any, and far below a sum that has
    /// no number.</summary>
    private const long MostBytes = 1L << 50;

    /// <summary>Names the first impossible number; null if there is none.</summary>
    public static string? FaultOf(Progress progress) =>
        progress.Step < 0 || progress.Step > progress.Steps ? "step"
        : progress.CheckpointStep < 0 ? "checkpoint_step"
        : progress.Tokens < 0 ? "tokens"
        : !double.IsFinite(progress.Loss) ? "loss"
        : !double.IsFinite(progress.LearningRate) ? "learning_rate"
        : !double.IsFinite(progress.GradientNorm) ? "gradient_norm"
        : !double.IsFinite(progress.TokensPerSecond) ? "tokens_per_second"
        : !double.IsFinite(progress.ValidationScore) ? "validation_score"
        : progress.BytesRead is < 0 or > MostBytes ? "bytes_read"
        : progress.BytesWritten is < 0 or > MostBytes ? "bytes_written"
        : progress.ValidationStep < 0 || progress.ValidationStep > progress.Step ? "validation_step"
        : null;

    /// <inheritdoc cref="FaultOf(Progress)" />
    public static string? FaultOf(TrainResult result) =>
        result.Steps < 0 ? "steps"
        : result.Tokens < 0 ? "tokens"
        : !double.IsFinite(result.TokensPerSecond) ? "tokens_per_second"
        : !double.IsFinite(result.FirstLoss) ? "first_loss"
        : !double.IsFinite(result.FinalLoss) ? "final_loss"
        : !double.IsFinite(result.Seconds) || result.Seconds < 0 ? "seconds"
        : !double.IsFinite(result.BestScore) ? "best_score"
        : null;

    /// <summary>Shortens the texts of a progress, which stays in memory and is shown.</summary>
    public static Progress Bounded(Progress progress)
    {
        progress.Detail = SafeText.Of(progress.Detail, MostText);
        return progress;
    }

    /// <summary>Shortens the texts of an end, and turns an impossible result into a failure.</summary>
    public static JobEnded Bounded(JobEnded ended)
    {
        ended.ErrorCode = SafeText.Of(ended.ErrorCode, MostCode);
        ended.ErrorMessage = ended.ErrorMessage.Length > MostText
            ? ended.ErrorMessage[..MostText] + "..."
            : ended.ErrorMessage;
        // Reported beside the result, as the programs are.
        (ended.BytesRead, ended.BytesWritten) = (Possible(ended.BytesRead), Possible(ended.BytesWritten));
        if ((ended.TrainResult?.Compile ?? ended.TranslateResult?.Compile) is { } compile && !IsPossible(compile))
        {
            // It is reported beside the result, which does not depend on it.
            ended.TrainResult?.Compile = null;
            ended.TranslateResult?.Compile = null;
        }

        if (ended.TranslateResult?.Decoded is { Count: > 0 } decoded)
        {
            // A run has two models in two directions.
            List<DecodedModel> possible = [.. decoded.Where(IsPossible).Take(MostDecoded)];
            decoded.Clear();
            decoded.Add(possible);
        }

        if (ended.TrainResult is not { } result)
        {
            return ended;
        }

        result.Method = SafeText.Of(result.Method, MostCode);
        result.Metric = SafeText.Of(result.Metric, MostCode);
        if (FaultOf(result) is not { } field)
        {
            return ended;
        }

        ended.TrainResult = null;
        if (ended.Succeeded)
        {
            ended.Succeeded = false;
            ended.ErrorCode = ResultInvalid;
            ended.ErrorMessage = $"The worker's result has a {field} that is no possible number.";
        }

        return ended;
    }

    /// <summary>Bounds the bytes of a farewell.</summary>
    public static Draining Bounded(Draining draining)
    {
        (draining.BytesRead, draining.BytesWritten) = (Possible(draining.BytesRead), Possible(draining.BytesWritten));
        return draining;
    }

    /// <summary>Returns a number of bytes; 0 for an impossible one.</summary>
    private static long Possible(long bytes) => bytes is >= 0 and <= MostBytes ? bytes : 0;

    private static bool IsPossible(DecodedModel decoded) =>
        decoded is { Name.Length: > 0 and <= MostCode, Direction.Length: > 0 and <= MostCode, Texts: >= 0 }
        && double.IsFinite(decoded.Seconds) && decoded is { Seconds: >= 0, Characters: >= 0 };

    private static bool IsPossible(CompileResult compile) =>
        double.IsFinite(compile.Seconds) && compile is { Seconds: >= 0, Compiled: >= 0, Loaded: >= 0 };

    private const string ResultInvalid = "WORKER_RESULT_INVALID";
}
