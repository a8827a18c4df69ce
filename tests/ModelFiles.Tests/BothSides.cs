using Workflows.Activities.Data;
using Workflows.Activities.Reporting;
using Workflows.Orchestrations;
using Workflows.TpuWorker.Gemma3;
using Workflows.TpuWorker.Host;
using Workflows.Translation;

namespace Workflows.ModelFiles.Tests;

/// <summary>The two users of a model folder, each by its own way in.</summary>
internal static class BothSides
{
    private static readonly string[] Corpus =
    [
        "ko\ten",
        .. Enumerable.Range(1, 60).Select(each => $"나는 {each}번 버스를 탑니다.\tI take bus number {each}."),
    ];

    /// <summary>Prepares a run of the model, as the service does before it rents anything.</summary>
    public static async Task<(PreparedData? Accepted, RunFailure? Refused)> CheckBeforeRentingAsync(string model)
    {
        var folder = Directory.CreateTempSubdirectory("run").FullName;
        try
        {
            var train = Path.Combine(folder, "train.tsv");
            File.WriteAllLines(train, Corpus);
            var spec = new RunSpec
            {
                RunId = new RunId("r"),
                Name = "r",
                Project = "p",
                IsRehearsal = true,
                Direction = RunDirection.KoToEn,
                Model = model,
                Data = new DataSpec { Train = train },
                Tpu = new TpuSpec { AcceleratorTypes = ["v5litepod-8"] },
                Training = new TrainingSpec { MaxLength = 400 },
                Evaluation = new EvaluationSpec { MaxNewTokens = 64 },
            };
            var ledger = new RunLedger(folder, TimeProvider.System);
            var activity = new PrepareDataActivity(
                ledger, new InputWork(ledger, InputLimits.Default, TimeProvider.System));
            return (await activity.RunAsync(null!, spec), null);
        }
        catch (RunFaultException fault)
        {
            return (null, fault.Failure);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    /// <summary>Loads tokenizer, template and weights, as the worker does when its job begins.</summary>
    public static ModelFileException? LoadInWorker(string model)
    {
        try
        {
            _ = Prompts.Load(model, TranslationDirection.KoToEn, "brief", "auto");
            _ = Gemma3Checkpoint.Load(model);
            return null;
        }
        catch (ModelFileException fault)
        {
            return fault;
        }
    }
}
