using Workflows.TestKit.Pjrt;
using Workflows.TpuWorker.Pjrt;

namespace Workflows.Pjrt.Tests.Fake;

/// <summary>Programs of <see cref="Programs"/> as the fake plugin runs them.</summary>
internal static class FakePrograms
{
    /// <summary>Gives a plugin that knows the programs, and a client of it.</summary>
    public static (FakePlugin Fake, PjrtClient Client) Start(int minor = FakePlugin.Newest)
    {
        var fake = new FakePlugin(minor);
        Register(fake);
        return (fake, PjrtClient.Create(PjrtPlugin.FromTable(fake.Table, $"fake 0.{minor}")));
    }

    /// <summary>Makes the programs known.</summary>
    public static void Register(FakePlugin fake)
    {
        fake.Register(Programs.Add, new FakeProgram(arguments => [Sum(arguments)])
        {
            ArgumentCount = 2,
            Outputs = [FakeTensor.Of(new float[4], 4)],
        });
        fake.Register(Programs.Step, new FakeProgram(arguments => [Total(Sum(arguments)), Sum(arguments)])
        {
            ArgumentCount = 2,
            Outputs = [FakeTensor.Of([0]), FakeTensor.Of(new float[4], 4)],
            Donated = new Dictionary<int, int> { [0] = 1 },
        });
    }

    /// <summary>Puts four numbers on a device.</summary>
    public static PjrtBuffer Upload(PjrtClient client, float first, PjrtDevice? device = null) =>
        client.Upload<float>([first, first + 1, first + 2, first + 3], PjrtElementType.F32, [4], device);

    /// <summary>Reads numbers back.</summary>
    public static float[] Download(PjrtBuffer buffer)
    {
        var values = new float[buffer.Shape.Bytes / sizeof(float)];
        buffer.Download<float>(values);
        return values;
    }

    private static FakeTensor Sum(IReadOnlyList<FakeTensor> arguments) => FakeTensor.Of(
        arguments[0].Floats.Zip(arguments[1].Floats, (left, right) => left + right).ToArray(), 4);

    private static FakeTensor Total(FakeTensor values) => FakeTensor.Of([values.Floats.Sum()]);
}
