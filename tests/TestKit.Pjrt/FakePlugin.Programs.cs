using System.Security.Cryptography;
using System.Text;

namespace Workflows.TestKit.Pjrt;

/// <content>Programs: compilation, execution, serialization.</content>
public sealed unsafe partial class FakePlugin
{
    private readonly Dictionary<string, FakeProgram> _programs = new(StringComparer.Ordinal);
    private FakeError? _workFailure;

    /// <summary>Makes a text known.</summary>
    /// <param name="text">The program's text.</param>
    /// <param name="program">The function that runs in its place.</param>
    public void Register(string text, FakeProgram program)
    {
        lock (_gate)
        {
            _programs[Hash(text)] = program;
        }
    }

    /// <summary>Lets the work of the next execution fail after the call has returned.</summary>
    /// <param name="code">A number of <c>PJRT_Error_Code</c>.</param>
    /// <param name="message">The error's words.</param>
    public void FailWork(int code, string message) => _workFailure = new FakeError(code, message);

    private static string Hash(string text) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)));

    private void DefinePrograms()
    {
        Define("Client_Compile", (ref ClientCompileArguments arguments) =>
        {
            var client = _objects.Get<Client>(arguments.Client);
            var executable = Compile(arguments.Program, arguments.Options, arguments.OptionBytes);
            arguments.Executable = Load(arguments.Client, client, executable);
        });
        Define("Compile", (ref CompileArguments arguments) =>
        {
            _objects.Get<Topology>(arguments.Topology);
            arguments.Executable = _objects.Add(
                Compile(arguments.Program, arguments.Options, arguments.OptionBytes));
        });
        Define("Executable_DeserializeAndLoad", (ref DeserializeAndLoadArguments arguments) =>
        {
            var client = _objects.Get<Client>(arguments.Client);
            var parts = Read(arguments.Bytes, arguments.Count).Split(' ');
            if (parts is not ["executable", _, _] || !_programs.TryGetValue(parts[1], out var program))
            {
                throw new FakeErrorException(InvalidArgument, "These bytes are no executable of this plugin.");
            }

            var options = FakeCompileOptions.Parse(
                _minor >= 74 && arguments.OptionBytes > 0
                    ? new ReadOnlySpan<byte>((void*)arguments.Options, (int)arguments.OptionBytes)
                    : Convert.FromHexString(parts[2]));
            arguments.Executable = Load(arguments.Client, client, new Executable(parts[1], program, options));
        });
        Define("LoadedExecutable_Destroy", (ref SubjectArguments arguments) =>
            _objects.Remove<Loaded>(arguments.Subject));
        Define("LoadedExecutable_GetExecutable", (ref WordArguments arguments) =>
            arguments.Value = _objects.Add(_objects.Get<Loaded>(arguments.Subject).Executable with { }));
        Define("LoadedExecutable_AddressableDevices", (ref ArrayArguments arguments) => Give(
            ref arguments, _objects.Get<Loaded>(arguments.Subject).Devices));
        Define("LoadedExecutable_Execute", (ref ExecuteArguments arguments) => Execute(ref arguments));
        DefineExecutables();
    }

    private void DefineExecutables()
    {
        Define("Executable_Destroy", (ref SubjectArguments arguments) =>
            _objects.Remove<Executable>(arguments.Subject));
        Define("Executable_Name", (ref ArrayArguments arguments) => Say<Executable>(ref arguments, "fake_program"));
        Define("Executable_NumReplicas", (ref WordArguments arguments) =>
            arguments.Value = _objects.Get<Executable>(arguments.Subject).Options.Replicas);
        Define("Executable_NumPartitions", (ref WordArguments arguments) =>
            arguments.Value = _objects.Get<Executable>(arguments.Subject).Options.Partitions);
        Define("Executable_NumOutputs", (ref WordArguments arguments) =>
            arguments.Value = _objects.Get<Executable>(arguments.Subject).Program.Outputs.Count);
        Define("Executable_SizeOfGeneratedCodeInBytes", (ref WordArguments arguments) =>
        {
            _objects.Get<Executable>(arguments.Subject);
            arguments.Value = 1234;
        });
        Define("Executable_Fingerprint", (ref ArrayArguments arguments) =>
            Say<Executable>(ref arguments, _objects.Get<Executable>(arguments.Subject).Hash));
        Define("Executable_GetCostAnalysis", (ref CountedArguments arguments) =>
        {
            _objects.Get<Executable>(arguments.Subject);
            (arguments.First, arguments.Count) = Attributes(("flops", 12f), ("bytes accessed", 34f));
        });
        Define("Executable_GetCompiledMemoryStats", (ref ProgramMemoryArguments arguments) =>
        {
            var program = _objects.Get<Executable>(arguments.Executable).Program;
            arguments.Code = 1234;
            arguments.Temporaries = 5678;
            arguments.Outputs = program.Outputs.Sum(output => (long)output.Bytes.Length);
            arguments.Aliased = program.Donated.Values.Sum(output => (long)program.Outputs[output].Bytes.Length);
            arguments.Arguments = arguments.Aliased;
        });
        Define("Executable_OutputElementTypes", (ref ArrayArguments arguments) =>
        {
            var outputs = _objects.Get<Executable>(arguments.Subject).Program.Outputs;
            int[] types = [.. outputs.Select(output => output.Type)];
            (arguments.First, arguments.Count) = (Copy(types), (nuint)types.Length);
        });
        Define("Executable_OutputDimensions", (ref OutputDimensionsArguments arguments) =>
        {
            var outputs = _objects.Get<Executable>(arguments.Executable).Program.Outputs;
            arguments.OutputCount = (nuint)outputs.Count;
            arguments.Sizes = Copy<long>([.. outputs.SelectMany(output => output.Sizes)]);
            arguments.Ranks = Copy<nuint>([.. outputs.Select(output => (nuint)output.Sizes.Count)]);
        });
        Define("Executable_Serialize", (ref SerializeArguments arguments) =>
        {
            var executable = _objects.Get<Executable>(arguments.Subject);
            Serialize(ref arguments, $"executable {executable.Hash} {executable.Options.Hex}");
        });
    }

    private Executable Compile(nint program, nint options, nuint optionBytes)
    {
        CheckSize("PJRT_Program", "Program", program);
        ref var given = ref *(ProgramArguments*)program;
        var format = Read(given.Format, given.FormatBytes);
        if (format != "mlir")
        {
            throw new FakeErrorException(InvalidArgument, $"The format is '{format}'.");
        }

        if (optionBytes == 0)
        {
            _violations.Add("Empty compile options: real plugins abort the process.");
        }

        var hash = Hash(Read(given.Code, given.CodeBytes));
        return _programs.TryGetValue(hash, out var known)
            ? new Executable(
                hash, known, FakeCompileOptions.Parse(new ReadOnlySpan<byte>((void*)options, (int)optionBytes)))
            : throw new FakeErrorException(Unknown, "-:1:1: error: this text is not registered");
    }

    private nint Load(nint address, Client client, Executable executable)
    {
        var (options, devices) = (executable.Options, client.Devices);
        if (options.IsPortable)
        {
            devices = [];
        }
        else if (options.DeviceIds.Count > 0)
        {
            devices = [.. options.DeviceIds.Select(id => devices.FirstOrDefault(
                device => _objects.Get<Device>(device).Id == id))];
        }
        else
        {
            devices = [.. devices.Take(options.Replicas * options.Partitions)];
        }

        return devices.Contains(0) || (!options.IsPortable && devices.Length < options.Replicas * options.Partitions)
            ? throw new FakeErrorException(InvalidArgument, "The devices of the options are not there.")
            : _objects.Add(new Loaded(address, executable, devices));
    }

    private void Execute(ref ExecuteArguments arguments)
    {
        var loaded = _objects.Get<Loaded>(arguments.Executable);
        var program = loaded.Executable.Program;
        CheckSize("PJRT_ExecuteOptions", "ExecuteOptions", arguments.Options);
        ref var options = ref *(ExecuteOptions*)arguments.Options;
        var kept = new ReadOnlySpan<long>((void*)options.NotDonated, (int)options.NotDonatedCount).ToArray();
        if ((int)arguments.ArgumentCount != program.ArgumentCount)
        {
            throw new FakeErrorException(
                InvalidArgument,
                $"Execution supplied {arguments.ArgumentCount} arguments but compiled program expected "
                + $"{program.ArgumentCount}");
        }

        var devices = arguments.Device != 0 ? [arguments.Device] : loaded.Devices;
        if ((int)arguments.DeviceCount != devices.Length)
        {
            throw new FakeErrorException(
                InvalidArgument, $"{arguments.DeviceCount} argument lists for {devices.Length} devices.");
        }

        var lists = arguments.Arguments;
        var inputs = devices.Select((_, index) => Inputs(lists, index, program.ArgumentCount)).ToList();
        foreach (var argument in program.Donated.Keys.Where(argument => !kept.Contains(argument)))
        {
            foreach (var list in inputs)
            {
                list[argument].IsDeleted = !list[argument].IsDeleted
                    ? true
                    : throw new FakeErrorException(InvalidArgument, "Attempt to donate the same buffer twice.");
            }
        }

        var failure = _workFailure;
        _workFailure = null;
        for (var index = 0; index < devices.Length; index++)
        {
            var results = program.Run([.. inputs[index].Select(input => input.Data)]);
            var outputs = ((nint**)arguments.Outputs)[index];
            for (var output = 0; output < results.Count; output++)
            {
                outputs[output] = _objects.Add(
                    new FakeBuffer(loaded.Client, devices[index]) { Data = results[output], Error = failure });
            }

            if (arguments.Events != 0)
            {
                ((nint*)arguments.Events)[index] = AddEvent(failure);
            }
        }
    }

    private List<FakeBuffer> Inputs(nint lists, int device, int count) =>
        [.. new ReadOnlySpan<nint>(((nint**)lists)[device], count).ToArray().Select(Alive)];

    private sealed record Executable(string Hash, FakeProgram Program, FakeCompileOptions Options);

    private sealed record Loaded(nint Client, Executable Executable, nint[] Devices);
}
