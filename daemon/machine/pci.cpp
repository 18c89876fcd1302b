// SPDX-License-Identifier: LGPL-2.1-or-later
#include "machine/pci.h"

#include <algorithm>

#include "machine/config_space.h"
#include "machine/pci_names.h"
#include "machine/text.h"

namespace parker {
namespace {

// A device may take microseconds for each four bytes: no more is read than is needed.
constexpr std::size_t header_and_capabilities_bytes = 256;

std::string last_component(const std::string& path)
{
    return path.substr(path.rfind('/') + 1);
}

// The device's folder lies in that of the bridge above it: "…/pci0000:00/0000:00:01.0/0000:01:00.0".
std::optional<Bdf> parent_of(std::string_view device_path)
{
    const auto last = device_path.rfind('/');
    if (last == std::string_view::npos)
        return std::nullopt;
    const auto above = device_path.substr(0, last);
    return Bdf::parse(above.substr(above.rfind('/') + 1));
}

// "START END FLAGS" a line; flags: include/linux/ioport.h.
std::vector<Machine::Bar> parse_bars(std::string_view resource)
{
    constexpr unsigned max_bars = 6; // what follows are ROMs, virtual functions' BARs and a bridge's windows
    constexpr std::uint64_t ports = 0x100;
    constexpr std::uint64_t memory = 0x200;
    constexpr std::uint64_t prefetchable = 0x2000;
    constexpr std::uint64_t is_64_bit = 0x100000;
    std::vector<Machine::Bar> bars;
    for (unsigned number = 0; number < max_bars && !resource.empty(); ++number) {
        auto line = text::take_line(resource);
        const auto start = text::number<std::uint64_t>(text::take_until(line, ' '), 16);
        const auto end = text::number<std::uint64_t>(text::take_until(line, ' '), 16);
        const auto flags = text::number<std::uint64_t>(line, 16);
        if (!start || !end || !flags || (*flags & (ports | memory)) == 0 || *end <= *start)
            continue;
        bars.push_back({*start, *end - *start + 1, number, (*flags & ports) != 0, (*flags & is_64_bit) != 0,
                        (*flags & prefetchable) != 0});
    }
    return bars;
}

// Firmware that gives no node may still say which CPUs are near: those of one node.
std::optional<unsigned> node_of(const Machine& machine, const CpuSet& near)
{
    const auto is_it = [&near](const Machine::Node& node) { return !near.empty() && (near - node.cpus).empty(); };
    const auto node = std::ranges::find_if(machine.nodes, is_it);
    return machine.nodes.size() > 1 && node != machine.nodes.end() ? std::optional{node->id} : std::nullopt;
}

std::optional<ConfigSpace> read_config_space(const Files& device, std::size_t bytes)
{
    const auto config = device.start("config", bytes);
    return config ? parse_config_space(*config) : std::nullopt;
}

// nullopt: nobody can tell. A function that sleeps too deeply reads as all ones.
std::optional<bool> has_msi(const Files& device, const std::optional<ConfigSpace>& header)
{
    if (device.exists("msi_irqs"))
        return true;
    const auto space = header ? read_config_space(device, header_and_capabilities_bytes) : std::nullopt;
    if (!space)
        return std::nullopt;
    if (!space->capabilities_hidden)
        return space->has_msi;
    // Only root sees the capabilities. PCI Express demands MSI or MSI-X of whatever raises interrupts (PCI Express
    // Base Specification 6.0, 6.1.4), and sysfs knows a link speed of PCI Express functions alone.
    return space->lists_capabilities && device.exists("max_link_speed") ? std::optional{true} : std::nullopt;
}

// Class, IDs and driver stand in one file; what it lacks (it is closed to some, and left out of some snapshots) has
// files of its own.
void read_identity(const Files& device, Machine::PciFunction& function)
{
    const auto uevent = device.read("uevent").value_or("");
    std::optional<std::uint32_t> class_code;
    std::optional<std::uint16_t> vendor;
    std::optional<std::uint16_t> device_id;
    std::string driver;
    std::string_view rest = uevent;
    while (!rest.empty()) { // drivers/pci/pci-driver.c: pci_uevent(); drivers/base/core.c: dev_uevent()
        auto value = text::take_line(rest);
        const auto key = text::take_until(value, '=');
        if (key == "DRIVER") {
            driver = text::printable(value);
        } else if (key == "PCI_CLASS") {
            class_code = text::number<std::uint32_t>(value, 16);
        } else if (key == "PCI_ID") {
            vendor = text::number<std::uint16_t>(text::take_until(value, ':'), 16);
            device_id = text::number<std::uint16_t>(value, 16);
        }
    }
    const bool is_complete = class_code && vendor && device_id;
    if (!is_complete) {
        class_code = device.number<std::uint32_t>("class", 16);
        vendor = device.number<std::uint16_t>("vendor", 16);
        device_id = device.number<std::uint16_t>("device", 16);
        driver = last_component(device.link("driver"));
    }
    function.class_code = class_code.value_or(0) & 0xffffff;
    function.vendor = vendor.value_or(0);
    function.device = device_id.value_or(0);
    function.driver = std::move(driver);
}

Machine::PciFunction read_function(const Files& device, const std::optional<ConfigSpace>& header)
{
    Machine::PciFunction function;
    read_identity(device, function);
    if (auto wanted = device.line("driver_override"); wanted != "(null)")
        function.driver_override = std::move(wanted);
    if (const auto node = device.number<int>("numa_node"); node && *node >= 0)
        function.node = static_cast<unsigned>(*node);
    function.iommu_group = text::number<unsigned>(last_component(device.link("iommu_group")));
    function.is_bridge = is_bridge_class(function.class_code) || (header && header->header_type != 0);
    const auto msi = has_msi(device, header);
    function.has_msi = msi.value_or(false);
    function.msi_known = msi.has_value();
    if (const auto resource = device.read("resource"))
        function.bars = parse_bars(*resource);
    function.max_virtual = device.number<unsigned>("sriov_totalvfs").value_or(0);
    if (function.max_virtual > 0)
        function.virtual_functions = device.number<unsigned>("sriov_numvfs").value_or(0);
    function.physical_function = Bdf::parse(last_component(device.link("physfn")));
    return function;
}

} // namespace

NearCpus read_pci(const Files& files, Machine& machine)
{
    NearCpus near;
    const std::string devices = "sys/bus/pci/devices";
    for (const auto& name : files.list(devices)) {
        const auto bdf = Bdf::parse(name);
        if (!bdf)
            continue;
        const auto path = devices + '/' + name;
        const auto device = files.folder(path);
        if (!device)
            continue;
        const auto header = read_config_space(*device, header_bytes);
        auto function = read_function(*device, header);
        function.bdf = *bdf;
        function.parent = parent_of(files.link(path));
        if (!function.node)
            if (auto cpus = CpuSet::parse(device->line("local_cpulist")))
                near.emplace(*bdf, std::move(*cpus));
        machine.functions.push_back(std::move(function));
        if (header && header->bridge) {
            const auto& bridge = *header->bridge;
            machine.buses.push_back({bdf->domain, bridge.secondary_bus, *bdf, bridge.memory, bridge.prefetchable});
        }
    }
    name_functions(machine);
    return near;
}

void finish_pci(Machine& machine, const NearCpus& near)
{
    std::ranges::sort(machine.functions, {}, &Machine::PciFunction::bdf);
    const auto is_same = [](const auto& one, const auto& other) { return one.bdf == other.bdf; };
    machine.functions.erase(std::unique(machine.functions.begin(), machine.functions.end(), is_same),
                            machine.functions.end());
    std::ranges::sort(machine.buses, {}, [](const Machine::PciBus& bus) { return std::pair{bus.domain, bus.number}; });

    // A bridge is numbered before what is behind it, as a rule; what a snapshot says otherwise stays unknown.
    for (auto& function : machine.functions) {
        if (const auto cpus = near.find(function.bdf); cpus != near.end())
            function.node = node_of(machine, cpus->second & machine.online);
        if (function.node && machine.node(*function.node) == nullptr)
            function.node.reset();
        if (function.node || !function.parent)
            continue;
        if (const auto* bridge = machine.function(*function.parent))
            function.node = bridge->node;
    }
}

bool is_bridge_class(std::uint32_t class_code)
{
    const auto subclass = class_code >> 8;
    return subclass == 0x0604 || subclass == 0x0607 || subclass == 0x0609; // PCI, CardBus, semi-transparent
}

} // namespace parker
