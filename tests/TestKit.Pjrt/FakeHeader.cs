namespace Workflows.TestKit.Pjrt;

/// <summary>
/// The order of the functions of <c>PJRT_Api</c> and the declared sizes of argument structures, by API version.
/// </summary>
internal static class FakeHeader
{
    /// <summary>Bytes before the first function: size, extensions, version.</summary>
    public const int Head = 40;

    /// <summary>Functions in the order of the table, as of API 0.104.</summary>
    public static readonly string[] Functions =
    [
        "Error_Destroy", "Error_Message", "Error_GetCode", "Plugin_Initialize", "Plugin_Attributes", "Event_Destroy",
        "Event_IsReady", "Event_Error", "Event_Await", "Event_OnReady", "Client_Create", "Client_Destroy",
        "Client_PlatformName", "Client_ProcessIndex", "Client_PlatformVersion", "Client_Devices",
        "Client_AddressableDevices", "Client_LookupDevice", "Client_LookupAddressableDevice",
        "Client_AddressableMemories", "Client_Compile", "Client_DefaultDeviceAssignment",
        "Client_BufferFromHostBuffer", "DeviceDescription_Id", "DeviceDescription_ProcessIndex",
        "DeviceDescription_Attributes", "DeviceDescription_Kind", "DeviceDescription_DebugString",
        "DeviceDescription_ToString", "Device_GetDescription", "Device_IsAddressable", "Device_LocalHardwareId",
        "Device_AddressableMemories", "Device_DefaultMemory", "Device_MemoryStats", "Memory_Id", "Memory_Kind",
        "Memory_DebugString", "Memory_ToString", "Memory_AddressableByDevices", "Executable_Destroy",
        "Executable_Name", "Executable_NumReplicas", "Executable_NumPartitions", "Executable_NumOutputs",
        "Executable_SizeOfGeneratedCodeInBytes", "Executable_GetCostAnalysis", "Executable_OutputMemoryKinds",
        "Executable_OptimizedProgram", "Executable_Serialize", "LoadedExecutable_Destroy",
        "LoadedExecutable_GetExecutable", "LoadedExecutable_AddressableDevices", "LoadedExecutable_Delete",
        "LoadedExecutable_IsDeleted", "LoadedExecutable_Execute", "Executable_DeserializeAndLoad",
        "LoadedExecutable_Fingerprint", "Buffer_Destroy", "Buffer_ElementType", "Buffer_Dimensions",
        "Buffer_UnpaddedDimensions", "Buffer_DynamicDimensionIndices", "Buffer_GetMemoryLayout",
        "Buffer_OnDeviceSizeInBytes", "Buffer_Device", "Buffer_Memory", "Buffer_Delete", "Buffer_IsDeleted",
        "Buffer_CopyToDevice", "Buffer_ToHostBuffer", "Buffer_IsOnCpu", "Buffer_ReadyEvent", "Buffer_UnsafePointer",
        "Buffer_IncreaseExternalReferenceCount", "Buffer_DecreaseExternalReferenceCount",
        "Buffer_OpaqueDeviceMemoryDataPointer", "CopyToDeviceStream_Destroy", "CopyToDeviceStream_AddChunk",
        "CopyToDeviceStream_TotalBytes", "CopyToDeviceStream_GranuleSize", "CopyToDeviceStream_CurrentBytes",
        "TopologyDescription_Create", "TopologyDescription_Destroy", "TopologyDescription_PlatformName",
        "TopologyDescription_PlatformVersion", "TopologyDescription_GetDeviceDescriptions",
        "TopologyDescription_Serialize", "TopologyDescription_Attributes", "Compile", "Executable_OutputElementTypes",
        "Executable_OutputDimensions", "Buffer_CopyToMemory", "Client_CreateViewOfDeviceBuffer",
        "Executable_Fingerprint", "Client_TopologyDescription", "Executable_GetCompiledMemoryStats", "Memory_Kind_Id",
        "ExecuteContext_Create", "ExecuteContext_Destroy", "Buffer_CopyRawToHost",
        "AsyncHostToDeviceTransferManager_Destroy", "AsyncHostToDeviceTransferManager_TransferData",
        "Client_CreateBuffersForAsyncHostToDevice", "AsyncHostToDeviceTransferManager_RetrieveBuffer",
        "AsyncHostToDeviceTransferManager_Device", "AsyncHostToDeviceTransferManager_BufferCount",
        "AsyncHostToDeviceTransferManager_BufferSize", "AsyncHostToDeviceTransferManager_SetBufferError",
        "AsyncHostToDeviceTransferManager_AddMetadata", "Client_DmaMap", "Client_DmaUnmap",
        "Client_CreateUninitializedBuffer", "Client_UpdateGlobalProcessInfo", "TopologyDescription_Deserialize",
        "Client_CreateAliasBuffer", "Client_FulfillAliasBuffer", "LoadedExecutable_GetDeviceAssignment",
        "Client_CreateErrorBuffer", "AsyncHostToDeviceTransferManager_TransferLiteral", "Buffer_CopyRawToHostFuture",
        "Device_PoisonExecution", "Device_CreateAsyncTrackingEvent", "AsyncTrackingEvent_Destroy",
        "Executable_GetCompileOptions", "Buffer_DonateWithControlDependency", "Event_Create", "Event_Set",
        "Device_GetAttributes", "Client_Load", "LoadedExecutable_AddressableDeviceLogicalIds", "Buffer_Bitcast",
        "Error_ForEachPayload", "TopologyDescription_Fingerprint", "Executable_ParameterMemoryKinds",
    ];

    private static readonly Dictionary<string, int> Sizes = new(StringComparer.Ordinal)
    {
        ["Error_Destroy"] = 24,
        ["Error_Message"] = 40,
        ["Error_GetCode"] = 28,
        ["Plugin_Initialize"] = 16,
        ["Plugin_Attributes"] = 32,
        ["Event_Destroy"] = 24,
        ["Event_IsReady"] = 25,
        ["Event_Error"] = 24,
        ["Event_Await"] = 24,
        ["Event_OnReady"] = 40,
        ["Client_Create"] = 88,
        ["Client_Destroy"] = 24,
        ["Client_PlatformName"] = 40,
        ["Client_ProcessIndex"] = 28,
        ["Client_PlatformVersion"] = 40,
        ["Client_Devices"] = 40,
        ["Client_AddressableDevices"] = 40,
        ["Client_TopologyDescription"] = 32,
        ["Client_Compile"] = 56,
        ["Client_BufferFromHostBuffer"] = 120,
        ["DeviceDescription_Id"] = 28,
        ["DeviceDescription_ProcessIndex"] = 28,
        ["DeviceDescription_Attributes"] = 40,
        ["DeviceDescription_Kind"] = 40,
        ["DeviceDescription_ToString"] = 40,
        ["Device_GetDescription"] = 32,
        ["Device_IsAddressable"] = 25,
        ["Device_LocalHardwareId"] = 28,
        ["Device_MemoryStats"] = 185,
        ["Executable_Destroy"] = 24,
        ["Executable_Name"] = 40,
        ["Executable_NumReplicas"] = 32,
        ["Executable_NumPartitions"] = 32,
        ["Executable_NumOutputs"] = 32,
        ["Executable_SizeOfGeneratedCodeInBytes"] = 32,
        ["Executable_Fingerprint"] = 40,
        ["Executable_GetCostAnalysis"] = 40,
        ["Executable_GetCompiledMemoryStats"] = 144,
        ["Executable_OutputElementTypes"] = 40,
        ["Executable_OutputDimensions"] = 48,
        ["Executable_Serialize"] = 56,
        ["Executable_DeserializeAndLoad"] = 64,
        ["LoadedExecutable_Destroy"] = 24,
        ["LoadedExecutable_GetExecutable"] = 32,
        ["LoadedExecutable_AddressableDevices"] = 40,
        ["LoadedExecutable_Execute"] = 80,
        ["Buffer_Destroy"] = 24,
        ["Buffer_Delete"] = 24,
        ["Buffer_IsDeleted"] = 25,
        ["Buffer_ElementType"] = 28,
        ["Buffer_Dimensions"] = 40,
        ["Buffer_OnDeviceSizeInBytes"] = 32,
        ["Buffer_ReadyEvent"] = 32,
        ["Buffer_Device"] = 32,
        ["Buffer_CopyToDevice"] = 40,
        ["Buffer_ToHostBuffer"] = 56,
        ["TopologyDescription_Create"] = 56,
        ["TopologyDescription_Destroy"] = 24,
        ["TopologyDescription_PlatformName"] = 40,
        ["TopologyDescription_PlatformVersion"] = 40,
        ["TopologyDescription_GetDeviceDescriptions"] = 40,
        ["TopologyDescription_Serialize"] = 56,
        ["TopologyDescription_Deserialize"] = 40,
        ["TopologyDescription_Attributes"] = 40,
        ["Compile"] = 64,
        ["ExecuteOptions"] = 120,
        ["Program"] = 48,
        ["Buffer_MemoryLayout"] = 76,
    };

    /// <summary>
    /// Structures that grew, with the minor version that each size came with; before the first, that size.
    /// </summary>
    private static readonly Dictionary<string, (int Minor, int Size)[]> Grown = new(StringComparer.Ordinal)
    {
        ["Client_Create"] = [(0, 72), (67, 88)],
        ["Plugin_Attributes"] = [(0, 24), (74, 32)],
        ["Executable_DeserializeAndLoad"] = [(0, 48), (74, 64)],
        ["Executable_GetCompiledMemoryStats"] = [(0, 104), (74, 112), (98, 120), (104, 144)],
        ["ExecuteOptions"] = [(0, 72), (67, 80), (78, 112), (98, 120)],
    };

    /// <summary>Bytes of the table of a version: functions were appended.</summary>
    public static int TableBytes(int minor) => minor switch
    {
        < 57 => 840,
        < 67 => 848,
        < 69 => 936,
        < 74 => 944,
        < 75 => 952,
        < 78 => 960,
        < 83 => 976,
        < 98 => 1000,
        < 104 => 1096,
        < 105 => 1120,
        _ => 1144,
    };

    /// <summary>
    /// The least size of a structure that a plugin of a version accepts; 0 for one that is not listed.
    /// </summary>
    public static int SizeOf(string name, int minor) => Grown.TryGetValue(name, out var steps)
        ? steps.Last(step => step.Minor <= minor).Size
        : Sizes.GetValueOrDefault(name);
}
