using System.Text.Json;
using Google.Protobuf;
using Workflows.Activities.Capacity;
using Workflows.Orchestrations;
using Workflows.Service.Runs;
using Workflows.Service.Workers;
using Workflows.TestKit;
using Workflows.TestKit.Models;
using Workflows.TpuWorker.Protocol;

namespace Workflows.Service.Tests.Workers;

/// <summary>From a request's fields to what a worker is told: nothing may be lost on the way.</summary>
public sealed class JobTextsTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    [Fact]
    public void Describe_RequestWithEveryTrainingField_TellsTheWorkerAllOfThem()
    {
        var job = Describe(JobKind.Train).Train;

        Assert.Equal(
            (7, 3, 2, 0.002, 4, "linear", 0.03, 0.7, 90),
            (job.Steps, job.BatchSize, job.AccumulationSteps, job.LearningRate, job.WarmupSteps, job.Schedule,
                job.WeightDecay, job.MaxGradientNorm, job.MaxLength));
        Assert.Equal(
            (true, 5, 6, "last", 9, "brief", "plain", "lora", "both"),
            (job.Pack, job.CheckpointEverySteps, job.KeepCheckpoints, job.Keep, job.Seed, job.PromptStyle,
                job.PromptTemplate, job.Method, job.Direction));
        Assert.Equal(
            (8, 24.0, 0.25, true), (job.Lora.Rank, job.Lora.Alpha, job.Lora.Dropout, job.Lora.RankStabilized));
        Assert.Equal(["q_proj", "v_proj"], job.Lora.Targets);
        Assert.Equal(
            ("chrf", 11, 12, 33),
            (job.Validation.Metric, job.Validation.EverySteps, job.Validation.Patience, job.Validation.MaxNewTokens));
        Assert.Equal(("t.jsonl", "v.jsonl"), (job.PairsFile, job.ValidationFile));

        // A field added to the protocol and forgotten here would be empty. The limit is the worker's own to find, and
        // an early end is a person's.
        Assert.Equal(["memory_limit_bytes", "earlier_steps", "finish_after_step"], Empty(job));
        Assert.Empty(Empty(job.Lora).Concat(Empty(job.Validation)));
    }

    /// <summary>More checkpoints than the request's are no more measurements, by which a training may stop.</summary>
    [Theory]
    [InlineData(11, 11)]
    [InlineData(0, 5)]
    public void Describe_CheckpointsMoreOftenThanAsked_MeasureAsOftenAsAsked(int asked, int every)
    {
        var job = Describe(JobKind.Train, checkpointEvery: 2, validationEvery: asked).Train;

        Assert.Equal((2, every), (job.CheckpointEverySteps, job.Validation.EverySteps));
    }

    [Fact]
    public void Describe_RunResumedWithOtherSteps_TellsTheWorkerTheEarlierNumbers() =>
        Assert.Equal([400, 300], Describe(JobKind.Train, earlierSteps: [400, 300]).Train.EarlierSteps);

    [Fact]
    public void Describe_RequestWithEveryEvaluationField_TellsTheWorkerAllOfThem()
    {
        var job = Describe(JobKind.Translate).Translate;

        Assert.Equal("e.jsonl", job.PairsFile);
        Assert.Equal(
            (33, 5, 4, 0.6, "truncate", "brief", "plain"),
            (job.MaxNewTokens, job.BatchSize, job.BeamSize, job.LengthPenalty, job.LongInput, job.PromptStyle,
                job.PromptTemplate));
        Assert.Equal(
            ["base ko-en", "base en-ko", "tuned ko-en", "tuned en-ko"],
            job.Models.Select(model => $"{model.Name} {model.Direction}"));
        Assert.Equal(["max_prompt_tokens"], Empty(job));
    }

    [Fact]
    public void Describe_ArtifactsInABucket_NamesNoPathOfTheServicesMachine()
    {
        var data = Data() with
        {
            TrainUri = "gs://some-bucket/runs/run-1/train.jsonl",
            TestUri = "gs://some-bucket/runs/run-1/test.jsonl",
            ValidationUri = "gs://some-bucket/runs/run-1/validation.jsonl",
            ArtifactsUri = "gs://some-bucket/runs/run-1",
            ModelUri = "gs://some-bucket/models/sha256-1",
        };

        var (train, translate) = (Describe(JobKind.Train, data).Train, Describe(JobKind.Translate, data).Translate);

        Assert.Equal(
            ("gs://some-bucket/models/sha256-1", "gs://some-bucket/runs/run-1/checkpoints",
                "gs://some-bucket/runs/run-1/tuned"),
            (train.ModelDirectory, train.CheckpointDirectory, train.OutputDirectory));
        Assert.Equal(
            ["gs://some-bucket/models/sha256-1", "gs://some-bucket/runs/run-1/tuned"],
            translate.Models.Select(model => model.Directory).Distinct());
        Assert.Equal(
            "gs://some-bucket/runs/run-1/hypotheses.base.ko-en.txt", translate.Models[0].OutputFile);

        // What the adapter's card names is the user's own; all else is an address that the VM can reach.
        train.BaseModel = "";
        Assert.DoesNotContain(_folder.Path, $"{train} {translate}", StringComparison.Ordinal);
    }

    [Fact]
    public void Describe_DataOfAnOlderHistory_NamesTheRunsFolder()
    {
        var (train, translate) = (Describe(JobKind.Train).Train, Describe(JobKind.Translate).Translate);

        Assert.Equal(
            (_folder["model"], _folder["checkpoints"], _folder["tuned"]),
            (train.ModelDirectory, train.CheckpointDirectory, train.OutputDirectory));
        Assert.Equal(_folder["hypotheses.base.ko-en.txt"], translate.Models[0].OutputFile);
    }

    [Theory]
    [InlineData("hf://google/gemma-3-1b-it", "google/gemma-3-1b-it")]
    [InlineData("hf://google/gemma-3-1b-it@v1", "google/gemma-3-1b-it")]
    [InlineData("gs://models/gemma", "gs://models/gemma")]
    public void Describe_BaseModelOfTheHub_HasTheNameThatLoadersOfAdaptersKnow(string model, string name) =>
        Assert.Equal(name, Describe(JobKind.Train, modelAddress: model).Train.BaseModel);

    public void Dispose() => _folder.Dispose();

    private static IEnumerable<string> Empty(IMessage message) => message.Descriptor.Fields.InDeclarationOrder()
        .Where(field => field.Accessor.GetValue(message) switch
        {
            null => true,
            System.Collections.IList list => list.Count == 0,
            string text => text.Length == 0,
            bool flag => !flag,
            IMessage => false,
            var number => Convert.ToDouble(number, System.Globalization.CultureInfo.InvariantCulture) == 0,
        })
        .Select(field => field.Name);

    private static PreparedData Data() => new("t.jsonl", "e.jsonl", 50, 10, new Dictionary<string, int>())
    {
        ValidationUri = "v.jsonl",
    };

    private Job Describe(
        JobKind kind, PreparedData? data = null, string? modelAddress = null, IReadOnlyList<int>? earlierSteps = null,
        int? checkpointEvery = null, int validationEvery = 11)
    {
        var (model, train) = (_folder["model"], _folder["train.tsv"]);
        TinyModel.Write(model);
        TinyModel.WriteCorpus(train);
        var request = RunRequestReader.Parse($$"""
            {
              "direction": "both", "prompt": "brief", "promptTemplate": "plain", "rehearsal": {},
              "model": {{JsonSerializer.Serialize(model)}}, "data": { "train": {{JsonSerializer.Serialize(train)}} },
              "tpu": { "acceleratorTypes": ["v5litepod-8"] },
              "training": {
                "steps": 7, "batchSize": 3, "accumulationSteps": 2, "learningRate": 0.002, "warmupSteps": 4,
                "schedule": "linear", "weightDecay": 0.03, "maxGradientNorm": 0.7, "maxLength": 90, "pack": true,
                "checkpointEverySteps": 5, "keepCheckpoints": 6, "keep": "last", "seed": 9, "method": "lora",
                "lora": {
                  "rank": 8, "alpha": 24, "dropout": 0.25, "rankStabilized": true, "targets": ["q_proj", "v_proj"]
                },
                "validation": { "metric": "chrf", "everySteps": 11, "patience": 12 }
              },
              "evaluation": {
                "maxNewTokens": 33, "batchSize": 5, "beamSize": 4, "lengthPenalty": 0.6, "longInput": "truncate"
              }
            }
            """);
        var spec = RunRequestReader.Complete(request, new RunId("run-1"), PriceCatalog.Load(null));
        var lease = new TpuLease(
            NodeName.Of("p", "us-west4-a", "node"),
            new Candidate("us-west4-a", "v5litepod-8", ProvisioningMode.Spot, "runtime", 8, 1), 1);
        spec = spec with
        {
            Model = modelAddress ?? spec.Model,
            Training = spec.Training with
            {
                EarlierSteps = earlierSteps,
                Validation = spec.Training.Validation! with { EverySteps = validationEvery },
            },
        };
        return JobTexts.Describe(
            "job", _folder.Path, new DispatchInput(kind, spec, data ?? Data(), lease, "reply", null)
            {
                CheckpointEverySteps = checkpointEvery,
            }).Job;
    }
}
